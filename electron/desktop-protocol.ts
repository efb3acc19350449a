/**
 * @file What Electron's main process and the host say to each other, through birpc over the pipe of a child process.
 * A number stands for each window; what windows and host say is forwarded as it is.
 */
import type { Failure, Settings } from './contract.ts';

/** Where the host serves bytes, for whoever knows the secret. */
export interface BytesPlace {
  /** Path of a Unix socket, or name of a Windows pipe. */
  readonly socket: string;
  /** Value of the header `SECRET_HEADER`. */
  readonly secret: string;
}

export const SECRET_HEADER = 'x-hdm-secret';

/** What of the settings the shell shows itself. */
export type Look = Pick<Settings, 'language' | 'theme'>;

/** A picture on its way out of a window. */
export interface DraggedPicture {
  readonly file: string;
  /** PNG in base64. */
  readonly icon: string;
}

export type Answer<T> = { readonly value: T } | { readonly error: Failure };

/** What main asks of the host. */
export interface DesktopHostFunctions {
  /** Opens the studio; called once, first. */
  start(options: { readonly data: string }): Promise<Answer<BytesPlace>>;
  /** A window opened or loaded its page again. */
  connect(windowId: number): void;
  message(windowId: number, text: string): void;
  disconnect(windowId: number): void;
  drag(pictureId: string): Promise<Answer<DraggedPicture>>;
  /** Ends everything and then the process. */
  close(): void;
}

/** What the host asks of main. */
export interface DesktopMainFunctions {
  message(windowId: number, text: string): void;
  /** Shows a file in the system's file manager. */
  reveal(file: string): void;
  look(look: Look): void;
}
