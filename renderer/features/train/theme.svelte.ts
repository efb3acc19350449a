/** @file Which theme is shown, for what is drawn by hand and must be drawn anew when it changes. */

const system = window.matchMedia('(prefers-color-scheme: light)');
let isLight = $state(system.matches);
let chosen = $state(document.documentElement.dataset['theme']);

system.addEventListener('change', () => (isLight = system.matches));
new MutationObserver(() => (chosen = document.documentElement.dataset['theme'])).observe(
  document.documentElement,
  {
    attributeFilter: ['data-theme'],
  },
);

export function theme(): 'light' | 'dark' {
  return (chosen ?? (isLight ? 'light' : 'dark')) === 'light' ? 'light' : 'dark';
}
