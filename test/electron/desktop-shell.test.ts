import { EventEmitter, once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { IpcMain, MenuItemConstructorOptions } from 'electron';
import { describe, expect, it, vi } from 'vitest';
import { CHANNELS } from '../../electron/channels.ts';
import { menuLanguage, menuTemplate, type MenuOptions } from '../../electron/menu.ts';
import { readShellState, visibleBounds, writeShellState } from '../../electron/shell-state.ts';
import { testFolder } from '../helpers/folder.ts';

vi.mock('electron', () => ({
  BrowserWindow: {},
  dialog: {},
  nativeImage: { createFromBuffer: (bytes: Buffer) => `icon of ${bytes.toString()}` },
}));

describe('the state of the window', () => {
  const state = {
    bounds: { x: 10, y: 20, width: 1200, height: 700 },
    isMaximized: true,
    look: { language: 'zh', theme: 'light' },
  } as const;

  it('is read as it was written', () => {
    const path = join(testFolder(), 'state.json');
    writeShellState(path, state);
    expect(readShellState(path)).toEqual(state);
  });

  it.each([
    undefined,
    '',
    '{',
    '[]',
    '{"bounds":{"x":"a"}}',
    JSON.stringify({ ...state, look: { language: 'xx' } }),
  ])('is as at the first start where the file holds %j', (content) => {
    const path = join(testFolder(), 'state.json');
    if (content !== undefined) writeFileSync(path, content);
    expect(readShellState(path)).toEqual({
      isMaximized: false,
      look: { language: 'system', theme: 'system' },
    });
  });

  const LEFT = { x: 0, y: 0, width: 1920, height: 1080 };
  const RIGHT = { x: 1920, y: -200, width: 2560, height: 1440 };

  it.each([
    [
      'where it was',
      { x: 100, y: 50, width: 1200, height: 700 },
      { x: 100, y: 50, width: 1200, height: 700 },
    ],
    [
      'on another screen',
      { x: 2000, y: -100, width: 1200, height: 700 },
      { x: 2000, y: -100, width: 1200, height: 700 },
    ],
    [
      'half outside, where it can be taken hold of',
      { x: -900, y: 0, width: 1200, height: 700 },
      { x: -900, y: 0, width: 1200, height: 700 },
    ],
    [
      'smaller, on a smaller screen',
      { x: 0, y: 0, width: 3000, height: 2000 },
      { x: 0, y: 0, width: 1920, height: 1080 },
    ],
    ['in the usual place, when its screen is gone', { x: 5000, y: 0, width: 1200, height: 700 }, undefined],
    [
      'in the usual place, when its title is above all screens',
      { x: 0, y: -500, width: 1200, height: 700 },
      undefined,
    ],
    ['in the usual place, when its title is below', { x: 0, y: 1070, width: 1200, height: 700 }, undefined],
    [
      'in the usual place, when too little of it is left',
      { x: -1150, y: 0, width: 1200, height: 700 },
      undefined,
    ],
    ['in the usual place, the first time', undefined, undefined],
  ])('puts it %s', (_where, bounds, expected) => {
    expect(visibleBounds(bounds, [LEFT, RIGHT])).toEqual(expected);
  });
});

describe('the menu', () => {
  it.each(['en', 'zh', 'ja'] as const)('has words for everything in %s', (language) => {
    const labels = flat(template({ language })).filter(
      ({ type, role }) => type !== 'separator' && role !== 'reload' && role !== 'toggleDevTools',
    );
    for (const { label } of labels) expect(label).toMatch(/\S/);
    if (language === 'en') expect(labels.map(({ label }) => label)).toContain('Import Model…');
    else expect(labels.map(({ label }) => label).join('')).not.toMatch(/Import|Picture|Undo|Close/);
  });

  it.each(['linux', 'win32', 'darwin'] as const)(
    'sends each command of the window by its name on %s',
    (platform) => {
      const sent: string[] = [];
      const items = flat(template({ platform, send: (command) => sent.push(command) })).filter(
        ({ click }) => click,
      );
      for (const { click } of items) (click as () => void)();
      expect(sent).toEqual(items.map(({ id }) => id));
      const names = [
        'focusPrompt',
        'importModel',
        'settings',
        'generate',
        'cancel',
        'create',
        'compare',
        'library',
        'models',
        'keys',
      ];
      expect([...sent].sort()).toEqual(names.sort());
    },
  );

  it('has what developers need only where they are', () => {
    const roles = (isPackaged: boolean) => flat(template({ isPackaged })).map(({ role }) => role);
    expect(roles(false)).toContain('toggleDevTools');
    expect(roles(true)).not.toContain('toggleDevTools');
    expect(roles(true)).not.toContain('reload');
  });

  it.each([
    ['system', 'zh-CN', 'zh'],
    ['system', 'ja', 'ja'],
    ['system', 'en-GB', 'en'],
    ['system', 'de', 'en'],
    ['ja', 'en-US', 'ja'],
    ['en', 'zh-TW', 'en'],
  ] as const)('set to %s, in a system in %s, is in %s', (setting, locale, expected) => {
    expect(menuLanguage(setting, locale)).toBe(expected);
  });
});

it('a picture is dragged out with the icon that the host makes of it', async () => {
  const { Bridge } = await import('../../electron/bridge.ts');
  const ipc = Object.assign(new EventEmitter(), { handle: () => {} });
  const host = {
    isUp: true,
    connect: () => {},
    message: () => {},
    disconnect: () => {},
    drag: async (id: string) => ({ file: `/pictures/${id}.png`, icon: Buffer.from(id).toString('base64') }),
  };
  new Bridge(host, () => {}).listen(ipc as unknown as IpcMain);
  const page = new EventEmitter();
  const sender = { id: 1, startDrag: (dragged: unknown) => page.emit('dragged', dragged) };
  const dragged = once(page, 'dragged');
  ipc.emit(CHANNELS.dragOut, { sender, senderFrame: { url: 'app://studio/', parent: null } }, 'one');
  expect(await dragged).toEqual([{ file: '/pictures/one.png', icon: 'icon of one' }]);
});

function template(options: Partial<MenuOptions>): MenuItemConstructorOptions[] {
  return menuTemplate({ language: 'en', platform: 'linux', isPackaged: false, send: () => {}, ...options });
}

function flat(items: MenuItemConstructorOptions[]): MenuItemConstructorOptions[] {
  return items.flatMap((item) => [item, ...flat((item.submenu ?? []) as MenuItemConstructorOptions[])]);
}
