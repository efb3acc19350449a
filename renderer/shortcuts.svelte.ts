/**
 * @file Keys. An action has a name, usual keys, and the person's own in the settings; a screen says what it does
 * while the screen is shown. `$mod` is Ctrl, on a Mac Cmd.
 */
import { createKeybindingsHandler } from 'tinykeys';

/**
 * Every action with its usual keys; its words are in the messages under `actions`. Browsers keep Ctrl and a digit
 * for their tabs, so screens have Alt as well.
 */
export const ACTIONS = {
  generate: '$mod+Enter',
  cancel: '$mod+Backspace',
  create: '$mod+Alt+Digit1',
  compare: '$mod+Alt+Digit2',
  library: '$mod+Alt+Digit3',
  models: '$mod+Alt+Digit4',
  train: '$mod+Alt+Digit5',
  settings: '$mod+Alt+Digit6',
  focusPrompt: '$mod+k',
  importModel: '$mod+o',
  randomSeed: '$mod+Shift+r',
  lockSeed: '$mod+Shift+l',
  camera: 'c',
  resetCamera: '$mod+Shift+h',
  star: '$mod+d',
  search: '$mod+f',
  undo: '$mod+z',
  keys: '$mod+Slash',
} as const;

export type Action = keyof typeof ACTIONS;

type Bindings = Readonly<Record<string, string>>;

const isMac = navigator.platform.startsWith('Mac');

let own = $state.raw<Bindings>({});
const doers = new Map<Action, (() => void)[]>();
let listening: ((event: KeyboardEvent) => void) | undefined;

/** Takes the person's own keys (action → keys) beside the usual ones, and listens. */
export function useKeys(bindings: Bindings): void {
  own = bindings;
  if (listening) window.removeEventListener('keydown', listening);
  const table = Object.fromEntries(
    (Object.keys(ACTIONS) as Action[]).map((action) => [
      keysOf(action),
      (event: KeyboardEvent) => {
        if (run(action)) event.preventDefault();
      },
    ]),
  );
  listening = createKeybindingsHandler(table, { ignore: isTyping });
  window.addEventListener('keydown', listening);
}

/**
 * Ctrl+Enter, or F9, draws from within the prompt, but a letter alone is text there, on a Mac also one with ⌥; and a
 * field takes back what was typed into it.
 */
function isTyping(event: KeyboardEvent): boolean {
  const isCommand = event.ctrlKey || event.metaKey || (event.altKey && !isMac) || /^F\d+$/.test(event.key);
  const isField = event.target instanceof Element && event.target.matches('input, textarea, select');
  const isOwnUndo = isCommand && event.key.toLowerCase() === 'z';
  return event.repeat || event.isComposing || (isField && (!isCommand || isOwnUndo));
}

/** What an action does while the component that calls this is there; the newest one wins. */
export function onAction(action: Action, doIt: () => void): void {
  // `pre`: a component comes before those inside it, which so are newer.
  $effect.pre(() => {
    const list = doers.get(action) ?? [];
    doers.set(action, [...list, doIt]);
    return () =>
      doers.set(
        action,
        (doers.get(action) ?? []).filter((entry) => entry !== doIt),
      );
  });
}

/** Does what an action does now. Returns whether there was anything to do. */
export function run(action: string): boolean {
  const doIt = doers.get(action as Action)?.at(-1);
  doIt?.();
  return doIt !== undefined;
}

export function keysOf(action: Action): string {
  return own[action] ?? ACTIONS[action];
}

/** Keys as they are written on the keyboard, such as "Ctrl+Enter". */
export function keysText(keys: string): string {
  const names: Record<string, string> = isMac
    ? { $mod: '⌘', Shift: '⇧', Alt: '⌥', Enter: '↩', Backspace: '⌫', Slash: '/' }
    : { $mod: 'Ctrl', Slash: '/' };
  const words = keys
    .split('+')
    .map((key) => key.replace(/^(Key|Digit)/, ''))
    .map((key) => names[key] ?? (key.length === 1 ? key.toUpperCase() : key));
  return words.join(isMac ? '' : '+');
}

/** The keys of an event as they are written here, such as `$mod+Shift+r`; undefined for a modifier alone. */
export function pressedKeys(event: KeyboardEvent): string | undefined {
  if (['Control', 'Meta', 'Shift', 'Alt'].includes(event.key)) return undefined;
  const modifiers = [
    (isMac ? event.metaKey : event.ctrlKey) && '$mod',
    isMac && event.ctrlKey && 'Control',
    event.altKey && 'Alt',
    event.shiftKey && 'Shift',
  ].filter((modifier) => typeof modifier === 'string');
  const isLetter = /^[a-z0-9]$/i.test(event.key);
  return [...modifiers, isLetter ? event.key.toLowerCase() : event.code].join('+');
}
