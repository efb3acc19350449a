/**
 * @file The menu of the desktop app. What Electron can do is a role, which it translates itself on a Mac; what the
 * window does is a command with the name of the window's action. The window has the keys: they can be changed there.
 */
import type { MenuItemConstructorOptions } from 'electron';

export type MenuLanguage = 'en' | 'zh' | 'ja';

export interface MenuOptions {
  readonly language: MenuLanguage;
  readonly platform: NodeJS.Platform;
  /** With what developers need. */
  readonly isPackaged: boolean;
  readonly send: (command: string) => void;
}

const WORDS = {
  en: {
    file: 'File',
    edit: 'Edit',
    view: 'View',
    picture: 'Picture',
    window: 'Window',
    help: 'Help',
    focusPrompt: 'New Picture',
    importModel: 'Import Model…',
    settings: 'Settings',
    generate: 'Generate',
    cancel: 'Cancel Running Picture',
    create: 'Create',
    compare: 'Compare',
    library: 'Library',
    models: 'Models',
    keys: 'Keyboard Shortcuts',
    undo: 'Undo',
    redo: 'Redo',
    cut: 'Cut',
    copy: 'Copy',
    paste: 'Paste',
    selectAll: 'Select All',
    resetZoom: 'Actual Size',
    zoomIn: 'Zoom In',
    zoomOut: 'Zoom Out',
    togglefullscreen: 'Full Screen',
    minimize: 'Minimise',
    close: 'Close',
    about: 'About HDM Studio',
    quit: 'Quit',
  },
  zh: {
    file: '文件',
    edit: '编辑',
    view: '视图',
    picture: '图片',
    window: '窗口',
    help: '帮助',
    focusPrompt: '新图片',
    importModel: '导入模型…',
    settings: '设置',
    generate: '生成',
    cancel: '取消正在生成的图片',
    create: '创作',
    compare: '对比',
    library: '图库',
    models: '模型',
    keys: '键盘快捷键',
    undo: '撤销',
    redo: '重做',
    cut: '剪切',
    copy: '复制',
    paste: '粘贴',
    selectAll: '全选',
    resetZoom: '实际大小',
    zoomIn: '放大',
    zoomOut: '缩小',
    togglefullscreen: '全屏',
    minimize: '最小化',
    close: '关闭',
    about: '关于 HDM Studio',
    quit: '退出',
  },
  ja: {
    file: 'ファイル',
    edit: '編集',
    view: '表示',
    picture: '画像',
    window: 'ウインドウ',
    help: 'ヘルプ',
    focusPrompt: '新しい画像',
    importModel: 'モデルを読み込む…',
    settings: '設定',
    generate: '生成',
    cancel: '生成中の画像を中止',
    create: '作成',
    compare: '比較',
    library: 'ライブラリ',
    models: 'モデル',
    keys: 'キーボードショートカット',
    undo: '取り消す',
    redo: 'やり直す',
    cut: '切り取り',
    copy: 'コピー',
    paste: '貼り付け',
    selectAll: 'すべて選択',
    resetZoom: '実際のサイズ',
    zoomIn: '拡大',
    zoomOut: '縮小',
    togglefullscreen: 'フルスクリーン',
    minimize: '最小化',
    close: '閉じる',
    about: 'HDM Studio について',
    quit: '終了',
  },
} as const satisfies Record<MenuLanguage, Record<string, string>>;

type Word = keyof (typeof WORDS)['en'];
type Item = MenuItemConstructorOptions;

const SEPARATOR: Item = { type: 'separator' };

/** The whole menu, as Electron's Menu.buildFromTemplate takes it. */
export function menuTemplate({ language, platform, isPackaged, send }: MenuOptions): Item[] {
  const words: Record<Word, string> = WORDS[language];
  const command = (name: Word): Item => ({ id: name, label: words[name], click: () => send(name) });
  const role = (name: Word & NonNullable<Item['role']>): Item => ({ role: name, label: words[name] });
  const menu = (name: Word, submenu: Item[]): Item => ({ label: words[name], submenu });

  const isMac = platform === 'darwin';
  const ofDevelopers: Item[] = [SEPARATOR, { role: 'reload' }, { role: 'toggleDevTools' }];
  return [
    ...(isMac ? [macMenu(command('settings'))] : []),
    menu('file', [
      command('focusPrompt'),
      command('importModel'),
      SEPARATOR,
      ...(isMac ? [role('close')] : [command('settings'), SEPARATOR, role('quit')]),
    ]),
    menu('edit', [
      role('undo'),
      role('redo'),
      SEPARATOR,
      role('cut'),
      role('copy'),
      role('paste'),
      role('selectAll'),
    ]),
    menu('picture', [command('generate'), command('cancel')]),
    menu('view', [
      command('create'),
      command('compare'),
      command('library'),
      command('models'),
      SEPARATOR,
      role('resetZoom'),
      role('zoomIn'),
      role('zoomOut'),
      role('togglefullscreen'),
      ...(isPackaged ? [] : ofDevelopers),
    ]),
    menu('window', [role('minimize'), ...(isMac ? [{ role: 'front' } as const] : [role('close')])]),
    menu('help', [command('keys'), ...(isMac ? [] : [SEPARATOR, role('about')])]),
  ];
}

/** The first menu on a Mac bears the app's name; its roles have words of the system's own. */
function macMenu(settings: Item): Item {
  const roles = ['services', 'hide', 'hideOthers', 'unhide'] as const;
  return {
    label: 'HDM Studio',
    submenu: [
      { role: 'about' },
      SEPARATOR,
      settings,
      SEPARATOR,
      ...roles.map((role) => ({ role })),
      SEPARATOR,
      { role: 'quit' },
    ],
  };
}

/** The language of the menu: the one that was set, else the system's when it is one of ours, else English. */
export function menuLanguage(setting: 'system' | MenuLanguage, locale: string): MenuLanguage {
  if (setting !== 'system') return setting;
  const language = locale.slice(0, 2).toLowerCase();
  return language === 'zh' || language === 'ja' ? language : 'en';
}
