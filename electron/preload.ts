/** @file What the window gets of Electron: `window.studio`, a few functions, and no way to send anything else. */
import { contextBridge, ipcRenderer, webUtils, type IpcRendererEvent } from 'electron';
import { CHANNELS } from './channels.ts';
import type { DesktopBridge } from './contract.ts';

/** Known before the first listener comes: main answers the greeting below. */
let isHostUp = false;

const bridge: DesktopBridge = {
  post: (message) => ipcRenderer.send(CHANNELS.message, message),
  onMessage: (listener) => listen(CHANNELS.message, listener),
  onHost(listener) {
    const end = listen(CHANNELS.host, listener);
    listener(isHostUp);
    return end;
  },
  choose: (what) => ipcRenderer.invoke(CHANNELS.choose, what) as Promise<string[]>,
  pathOf: (file) => webUtils.getPathForFile(file),
  dragOut: (pictureId) => ipcRenderer.send(CHANNELS.dragOut, pictureId),
  onCommand: (listener) => listen(CHANNELS.command, listener),
};

ipcRenderer.on(CHANNELS.host, (_event, isUp: boolean) => (isHostUp = isUp));
ipcRenderer.send(CHANNELS.open);
contextBridge.exposeInMainWorld('studio', bridge);

/** The window gets the value alone: the event would lead back to Electron. */
function listen<T>(channel: string, listener: (value: T) => void): () => void {
  const receive = (_event: IpcRendererEvent, value: T): void => listener(value);
  ipcRenderer.on(channel, receive);
  return () => ipcRenderer.off(channel, receive);
}
