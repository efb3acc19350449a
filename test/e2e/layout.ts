/** @file Faults of a layout that a program can see. */
import type { Page } from '@playwright/test';

/** Texts that are cut without an ellipsis, panes that reach into others, controls outside the window: in a few words. */
export function layoutFaults(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const faults: string[] = [];
    const { innerWidth, innerHeight } = window;
    const say = (element: Element): string =>
      `<${element.tagName.toLowerCase()} class="${element.getAttribute('class') ?? ''}"> ${(element.textContent ?? '').trim().slice(0, 40)}`;
    /** Whether it can be brought into view. */
    const scrolls = (element: Element | null, way: 'X' | 'Y'): boolean => {
      if (!element) return false;
      const overflow = getComputedStyle(element)[`overflow${way}`];
      return overflow === 'auto' || overflow === 'scroll' || scrolls(element.parentElement, way);
    };
    const isShown = (element: Element): boolean =>
      element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) &&
      element.closest('[inert], .visually-hidden, [aria-hidden="true"]') === null;

    if (document.documentElement.scrollWidth > innerWidth) faults.push('the page is wider than the window');
    for (const element of document.body.querySelectorAll('*')) {
      if (!isShown(element)) continue;
      const style = getComputedStyle(element);
      const isWide = element.scrollWidth > element.clientWidth + 1 && style.overflowX === 'visible';
      if (element.matches('section, nav, main') && isWide)
        faults.push(`wider than its pane: ${say(element)}`);
      const hasText = [...element.childNodes].some(
        ({ nodeType, textContent }) => nodeType === 3 && textContent?.trim(),
      );
      const isCut = element.scrollWidth > element.clientWidth + 1 && style.overflowX === 'hidden';
      if (hasText && isCut && style.textOverflow !== 'ellipsis') faults.push(`cut: ${say(element)}`);
      if (hasText && style.whiteSpace === 'nowrap' && style.overflowX === 'visible') {
        const parent = element.parentElement!;
        const [own, around] = [element.getBoundingClientRect(), parent.getBoundingClientRect()];
        const isClipped =
          ['hidden', 'clip'].includes(getComputedStyle(parent).overflowX) && own.right > around.right + 1;
        if (isClipped) faults.push(`cut by what is around it: ${say(element)}`);
      }
      if (element.matches('button, a, input, select, textarea')) {
        const { left, right, top, bottom, width } = element.getBoundingClientRect();
        const isBeside = (left < -1 || right > innerWidth + 1) && !scrolls(element, 'X');
        const isAbove = (top < -1 || bottom > innerHeight + 1) && !scrolls(element, 'Y');
        if (width > 1 && (isBeside || isAbove)) faults.push(`outside the window: ${say(element)}`);
      }
    }
    return faults;
  });
}
