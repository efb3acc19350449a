/**
 * @file How electron-builder makes installers. Paths are relative to the project; `npm run package` makes what they
 * name.
 */
import { afterPack } from './after-pack.mjs';

/**
 * The staged engine of a platform, beside the archive: a plain Node cannot read one. electron-builder leaves a
 * folder named node_modules out of what it copies, unless it is what is to be copied.
 */
function engineOf(platform) {
  return [
    { from: `out/stage/${platform}-\${arch}`, to: 'engine' },
    { from: `out/stage/${platform}-\${arch}/node_modules`, to: 'engine/node_modules' },
  ];
}

/** @type {import('electron-builder').Configuration} */
export default {
  appId: 'org.hdm-studio.app',
  productName: 'HDM Studio',
  copyright: 'Copyright © HDM Studio contributors',
  artifactName: 'HDM-Studio-${version}-${os}-${arch}.${ext}',
  directories: { output: 'out/installers', buildResources: 'build/icons' },
  icon: 'build/icons/icon.png',
  extraMetadata: {
    main: 'out/main/main.cjs',
    author: 'HDM Studio contributors',
    homepage: 'https://github.com/KohakuBlueleaf/HDM', // Debian packages need one; of the models, as we have none
    desktopName: 'hdm-studio.desktop',
  },

  asar: true,
  files: ['out/main/**/*', 'out/renderer/**/*', 'package.json'],
  extraResources: [{ from: 'LICENSE', to: 'LICENSE' }],
  // "Node's packages are taken care of": main and preload are bundles, and those of the engine are staged.
  // This also means that nothing is rebuilt for Electron, which `npmRebuild: false` would say without the first.
  beforeBuild: () => false,
  afterPack, // sets the fuses
  electronLanguages: ['en', 'zh', 'ja'], // those of the window
  publish: null,

  win: { target: ['nsis'], extraResources: engineOf('win32') },
  nsis: {
    oneClick: false,
    perMachine: false,
    allowElevation: false,
    allowToChangeInstallationDirectory: true,
    packElevateHelper: false, // for updaters; so is the next
    differentialPackage: false,
    license: 'LICENSE',
  },

  mac: {
    target: ['dmg', 'zip'],
    extraResources: engineOf('darwin'),
    category: 'public.app-category.graphics-design',
    darkModeSupport: true,
    hardenedRuntime: true,
    entitlements: 'build/package/entitlements.mac.plist',
    entitlementsInherit: 'build/package/entitlements.mac.plist',
  },
  dmg: { filesystem: 'APFS', writeUpdateInfo: false },

  linux: {
    target: ['AppImage', 'deb'],
    extraResources: engineOf('linux'),
    icon: 'out/icons',
    executableName: 'hdm-studio',
    category: 'Graphics',
    maintainer: 'HDM Studio contributors <hdm-studio@users.noreply.github.com>',
    syncDesktopName: true,
    desktop: { entry: { Keywords: 'drawing;image;diffusion;training;' } },
  },
  deb: { packageCategory: 'graphics' },
};
