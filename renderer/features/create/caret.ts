/** @file Where the caret stands on the screen: a text field does not tell, so a copy of it does. */

/** What decides where text breaks. */
const COPIED = [
  'boxSizing',
  'width',
  'paddingTop',
  'paddingRight',
  'paddingBottom',
  'paddingLeft',
  'borderTopWidth',
  'borderRightWidth',
  'borderBottomWidth',
  'borderLeftWidth',
  'fontFamily',
  'fontSize',
  'fontWeight',
  'fontStyle',
  'letterSpacing',
  'lineHeight',
  'tabSize',
  'wordSpacing',
] as const;

/** The line of the place `index` of its text, in pixels of the window. */
export function caretLine(field: HTMLTextAreaElement, index: number): DOMRect {
  const style = getComputedStyle(field);
  const copy = document.createElement('div');
  for (const name of COPIED) copy.style[name] = style[name];
  Object.assign(copy.style, {
    position: 'fixed',
    top: '0',
    left: '0',
    visibility: 'hidden',
    borderStyle: 'solid',
    whiteSpace: 'pre-wrap',
    overflowWrap: 'break-word',
  });
  const mark = document.createElement('span');
  mark.textContent = '\u200b';
  copy.append(field.value.slice(0, index), mark);
  document.body.append(copy);
  const { left, top, height } = mark.getBoundingClientRect();
  copy.remove();
  const box = field.getBoundingClientRect();
  return new DOMRect(box.left + left - field.scrollLeft, box.top + top - field.scrollTop, 0, height);
}
