/** @file A studio without parts: what a transport needs, answering as a test says. */
import { randomUUID } from 'node:crypto';
import { HdmError } from '../../engine/errors.ts';
import { Events } from '../../electron/host/events.ts';
import type { Handlers } from '../../electron/host/handlers.ts';
import type { FileRoutes } from '../../electron/host/http.ts';
import type { Studio } from '../../electron/host/wire.ts';

export interface FakeStudio extends Studio {
  /** What was uploaded whole, by id. */
  readonly uploads: Map<string, { readonly bytes: Uint8Array; readonly name: string | undefined }>;
  /** Lines of the log. */
  readonly logged: string[];
  isClosed: boolean;
}

export interface FakeOptions {
  readonly handlers?: Partial<Handlers>;
  readonly files?: Partial<FileRoutes>;
}

export function fakeStudio({ handlers = {}, files = {} }: FakeOptions = {}): FakeStudio {
  const uploads: FakeStudio['uploads'] = new Map();
  const logged: string[] = [];
  const unknown = (name: string) => {
    throw new HdmError('bad-usage', name, 'there is none of this name');
  };
  return {
    handlers: handlers as Handlers,
    events: new Events(),
    files: {
      picture: unknown,
      thumbnail: async (id) => unknown(id),
      preview: () => undefined,
      draft: () => undefined,
      sample: async (name) => unknown(name),
      datasetThumbnail: async (name) => unknown(name),
      made: unknown,
      async receiveUpload(stream, { maxBytes, name }) {
        const chunks: Uint8Array[] = [];
        for await (const chunk of stream) chunks.push(chunk);
        const bytes = Buffer.concat(chunks);
        if (bytes.length > maxBytes) throw new HdmError('bad-usage', 'upload', 'too much');
        const id = randomUUID();
        uploads.set(id, { bytes, name });
        return { id };
      },
      ...files,
    },
    log: (line) => void logged.push(line),
    logged,
    uploads,
    isClosed: false,
    async close() {
      this.isClosed = true;
    },
  };
}
