/** @file What a person means by an address: a repository of models on the hub, a file in one, or any file. */
import { HdmError } from '../../../engine/errors.ts';

export type Source =
  | {
      readonly kind: 'repository';
      /** `owner/name` */
      readonly repository: string;
      /** Path of the one file that is wanted. */
      readonly file?: string;
    }
  | { readonly kind: 'file'; readonly url: string };

const REPOSITORY = /^[\w-][\w.-]*\/[\w-][\w.-]*$/;

/** Reads `owner/name`, or an address of a repository or a file. Throws `bad-usage` for what may not be fetched. */
export function parseAddress(text: string, hub: string): Source {
  const address = text.trim();
  if (REPOSITORY.test(address)) return { kind: 'repository', repository: address };
  const url = requireSafe(address);
  return onHub(url, hub) ?? { kind: 'file', url: url.href };
}

/** The address as a URL. Throws `bad-usage` unless it is https, or http on this computer. */
export function requireSafe(address: string): URL {
  const url = URL.parse(address);
  if (!url) throw refusal(address, 'this is neither a web address nor owner/name');
  if (url.username || url.password) throw refusal(url.host, 'it holds a user name or a password');
  if (url.protocol === 'https:' || (url.protocol === 'http:' && isThisComputer(url))) return url;
  throw refusal(address, 'only https is fetched, which nobody on the way can change');
}

function refusal(where: string, problem: string): HdmError {
  const advice = 'Give the https address of a file, or owner/name of a repository';
  return new HdmError('bad-usage', where.slice(0, 200), problem, advice);
}

function isThisComputer({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname);
}

/** `/owner/name`, `/owner/name/tree/main`, or `/owner/name/blob/main/a/file`, which is a page that shows the file. */
function onHub(url: URL, hub: string): Source | undefined {
  const home = new URL(hub);
  const root = home.pathname.replace(/\/$/, '');
  if (url.origin !== home.origin || !url.pathname.startsWith(`${root}/`)) return undefined;
  const path = url.pathname.slice(root.length + 1).replace(/\/$/, '');
  const [owner, name, view, revision, ...rest] = path.split('/').map(decodeURIComponent);
  const repository = `${owner}/${name}`;
  if (!REPOSITORY.test(repository)) return undefined;
  if (view === undefined || (view === 'tree' && revision === 'main' && rest.length === 0)) {
    return { kind: 'repository', repository };
  }
  if ((view !== 'blob' && view !== 'resolve') || rest.length === 0) return undefined;
  if (revision === 'main') return { kind: 'repository', repository, file: rest.join('/') };
  const way = [owner!, name!, 'resolve', revision!, ...rest].map(encodeURIComponent).join('/');
  return { kind: 'file', url: `${home.origin}${root}/${way}` };
}
