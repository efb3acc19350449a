/** @file How the window is built: `renderer/` becomes static files in `out/renderer/`. */
import { fileURLToPath } from 'node:url';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

function folder(path) {
  return fileURLToPath(new URL(path, import.meta.url));
}

export default defineConfig({
  root: folder('../renderer'),
  plugins: [svelte({ configFile: false, compilerOptions: { runes: undefined } })],
  build: {
    outDir: folder('../out/renderer'),
    emptyOutDir: true,
    target: 'chrome140', // what Electron brings; current browsers are as new
    assetsInlineLimit: 0, // the content security policy takes nothing inline
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1500,
  },
});
