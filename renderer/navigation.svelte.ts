/** @file Which screen is shown. It stands in the address, so that a reload and the back button keep it. */

export const SCREEN_NAMES = ['create', 'compare', 'library', 'models', 'train', 'settings'] as const;

export type ScreenName = (typeof SCREEN_NAMES)[number];

let screen = $state<ScreenName>(fromAddress());

window.addEventListener('hashchange', () => (screen = fromAddress()));

export function currentScreen(): ScreenName {
  return screen;
}

export function goTo(name: ScreenName): void {
  location.hash = `/${name}`;
  screen = name;
}

function fromAddress(): ScreenName {
  const name = location.hash.slice(2);
  return SCREEN_NAMES.find((known) => known === name) ?? 'create';
}
