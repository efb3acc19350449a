/** @file The window of the desktop app. */
import { BrowserWindow, nativeTheme, screen } from 'electron';
import { APP_ADDRESS, SAFE_PREFERENCES } from './security.ts';
import { visibleBounds, type ShellState } from './shell-state.ts';

export interface WindowOptions {
  readonly preload: string;
  readonly state: ShellState;
  /** Called when it closes. */
  readonly onPlace: (place: Pick<ShellState, 'bounds' | 'isMaximized'>) => void;
  readonly log: (line: string) => void;
}

const SMALLEST = { minWidth: 1024, minHeight: 640 };
const USUAL = { width: 1440, height: 900 };
/** As the page's own, so that nothing flashes before it is there. */
const BACKGROUND = { dark: '#131418', light: '#f4f3f0' };
/** A page that crashes again so soon is not loaded again. */
const RELOAD_PAUSE_MS = 10_000;

/** Opens the window; it shows itself when its page is drawn. */
export function openWindow({ preload, state, onPlace, log }: WindowOptions): BrowserWindow {
  const window = new BrowserWindow({
    ...SMALLEST,
    ...USUAL,
    ...lastBounds(state, log),
    title: 'HDM Studio',
    show: false,
    backgroundColor: nativeTheme.shouldUseDarkColors ? BACKGROUND.dark : BACKGROUND.light,
    autoHideMenuBar: true,
    webPreferences: { ...SAFE_PREFERENCES, preload },
  });
  window.once('ready-to-show', () => {
    if (state.isMaximized) window.maximize();
    window.show();
  });
  window.on('close', () => onPlace({ bounds: window.getNormalBounds(), isMaximized: window.isMaximized() }));
  reloadAfterCrash(window, log);
  window
    .loadURL(APP_ADDRESS)
    .catch((error: unknown) => log(`The window could not be loaded: ${String(error)}`));
  return window;
}

/** Brings the window to the front. */
export function showWindow(window: BrowserWindow): void {
  if (window.isMinimized()) window.restore();
  window.show();
  window.focus();
}

function lastBounds({ bounds }: ShellState, log: (line: string) => void): Partial<Electron.Rectangle> {
  if (!bounds) return {};
  try {
    return (
      visibleBounds(
        bounds,
        screen.getAllDisplays().map(({ workArea }) => workArea),
      ) ?? {}
    );
  } catch (error) {
    log(`The window opens in the usual place: ${String(error)}`); // a desktop that does not tell its screens
    return {};
  }
}

/** The host has the truth, so a page that crashed loses only what was being typed. */
function reloadAfterCrash(window: BrowserWindow, log: (line: string) => void): void {
  let crashedAt = -Infinity;
  window.webContents.on('render-process-gone', (_event, { reason, exitCode }) => {
    log(`The window's page ended: ${reason} (${exitCode}).`);
    const isFirst = Date.now() - crashedAt > RELOAD_PAUSE_MS;
    crashedAt = Date.now();
    if (isFirst && reason !== 'clean-exit') window.webContents.reload();
  });
}
