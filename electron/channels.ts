/** @file Names of the messages between preload and main process. The window itself never sees them. */
export const CHANNELS = {
  /** Window → main: the page has loaded and wants the host. */
  open: 'studio:open',
  /** Both ways: a string of the wire. */
  message: 'studio:message',
  /** Main → window: whether the host runs. */
  host: 'studio:host',
  /** Main → window: what was chosen in the menu. */
  command: 'studio:command',
  /** Window → main, answered: a native dialog. */
  choose: 'studio:choose',
  /** Window → main: a picture is dragged out. */
  dragOut: 'studio:drag-out',
} as const;
