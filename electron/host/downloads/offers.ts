/** @file What lies at an address, from what the server says about it; nothing of it is fetched yet. */
import { basename, extname } from 'node:path';
import { z } from 'zod';
import { HdmError } from '../../../engine/errors.ts';
import { parseAddress } from './address.ts';
import { ask, NetworkError, readText, requireGood, type Answer, type Fetch } from './web.ts';

export interface RemoteFile {
  /** Path inside the repository, with `/`. */
  readonly name: string;
  readonly url: string;
  readonly sizeBytes?: number;
  /** 64 hexadecimal digits in small letters. */
  readonly sha256?: string;
}

export interface Found {
  /** What leads here again. */
  readonly address: string;
  readonly name: string;
  readonly isRepository: boolean;
  readonly licence?: string;
  readonly licenceUrl?: string;
  /** What an HDM model needs. */
  readonly files: readonly RemoteFile[];
}

const LOOK_TIMEOUT_MS = 30_000;
const MAX_ANSWER_BYTES = 20 * 2 ** 20;
const MAX_FILES = 20_000;
const SHA256 = /^[\da-f]{64}$/i;

/** Asks what lies at an address. Throws `bad-usage` for an address that is none, `network` when it is refused. */
export async function lookAt(fetch: Fetch, address: string, hub: string): Promise<Found> {
  const source = parseAddress(address, hub);
  const signal = AbortSignal.timeout(LOOK_TIMEOUT_MS);
  try {
    if (source.kind === 'file') return await lookAtFile(fetch, source.url, signal);
    return await lookAtRepository(fetch, hub.replace(/\/$/, ''), source, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new NetworkError(address, 'the server did not answer in time', 'Try again later', { cause: error });
  }
}

const repositorySchema = z.looseObject({
  siblings: z
    .array(
      z.looseObject({
        rfilename: z.string().min(1).max(1_000),
        size: z.int().min(0).nullish(),
        lfs: z.looseObject({ sha256: z.string().nullish(), size: z.int().min(0).nullish() }).nullish(),
      }),
    )
    .max(MAX_FILES),
  cardData: z
    .looseObject({
      license: z.union([z.string(), z.array(z.string())]).nullish(),
      license_name: z.string().nullish(),
      license_link: z.string().nullish(),
    })
    .nullish(),
  tags: z.array(z.string()).nullish(),
});

type Repository = z.output<typeof repositorySchema>;

async function lookAtRepository(
  fetch: Fetch,
  hub: string,
  { repository, file }: { readonly repository: string; readonly file?: string },
  signal: AbortSignal,
): Promise<Found> {
  const page = `${hub}/${repository}`;
  const { response } = await ask(fetch, `${hub}/api/models/${repository}?blobs=true`, { signal });
  requireGood(response, page, repository);
  const card = parseRepository(await readText(response, page, MAX_ANSWER_BYTES), page);
  const all = card.siblings.map((sibling) => toRemoteFile(page, sibling));
  const files = file === undefined ? neededFiles(all) : all.filter(({ name }) => name === file);
  if (files.length === 0) {
    const problem = file === undefined ? 'it holds no .safetensors file' : `it holds no file "${file}"`;
    throw new NetworkError(page, problem, 'Look at its page in a browser and choose another');
  }
  files.forEach(({ name }) => requireInside(name, page));
  return {
    address: file === undefined ? page : files[0]!.url,
    name: file === undefined ? repository.split('/')[1]! : stemOf(file),
    isRepository: file === undefined,
    ...licenceOf(card, page),
    files,
  };
}

function parseRepository(text: string, page: string): Repository {
  try {
    return repositorySchema.parse(JSON.parse(text));
  } catch (error) {
    const advice = 'Check the address of the hub in the settings';
    throw new NetworkError(page, 'its answer is not that of a hub of models', advice, { cause: error });
  }
}

function toRemoteFile(page: string, { rfilename, size, lfs }: Repository['siblings'][number]): RemoteFile {
  const way = rfilename.split('/').map(encodeURIComponent).join('/');
  const sizeBytes = lfs?.size ?? size;
  const sha256 = lfs?.sha256;
  return {
    name: rfilename,
    url: `${page}/resolve/main/${way}`,
    ...(typeof sizeBytes === 'number' && { sizeBytes }),
    ...(sha256 && SHA256.test(sha256) && { sha256: sha256.toLowerCase() }),
  };
}

/** The same weights in another number format. */
const VARIANT = /\.(fp16|bf16|fp32|non_ema)\.safetensors$/;
/** Besides weights: configs, tokenizers, and what says how they may be used. */
const NEEDED = /\.(safetensors|json)$|(^|\/)(merges|vocab)\.txt$|^(README\.md|LICEN[CS]E[^/]*)$/i;
const OTHER_PROGRAMS = /^(onnx|openvino|coreml|flax|tf|gguf)\//i;

/** What an HDM model needs of a repository; none when it holds no weights. */
function neededFiles(all: readonly RemoteFile[]): RemoteFile[] {
  const useful = all.filter(({ name }) => NEEDED.test(name) && !OTHER_PROGRAMS.test(name));
  const names = new Set(useful.map(({ name }) => name));
  const isFolder = [...names].some((name) => /^transformer\/[^/]+\.safetensors$/.test(name));
  const chosen = useful.filter(({ name }) => {
    if (VARIANT.test(name) && names.has(name.replace(VARIANT, '.safetensors'))) return false;
    // A whole model in one file beside the same in folders.
    return !(isFolder && extname(name) === '.safetensors' && !name.includes('/'));
  });
  return chosen.some(({ name }) => extname(name) === '.safetensors') ? chosen : [];
}

/** Throws `network` for a path that would leave the folder of the model, or that some system cannot keep. */
function requireInside(name: string, page: string): void {
  const isGood = name.split('/').every((part) => {
    return (
      /^[^\p{C}<>:"\\|?*]{1,200}$/u.test(part) &&
      !/^\.{1,2}$|[. ]$|^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i.test(part)
    );
  });
  if (isGood && name.length <= 400) return;
  const problem = `it names a file ${JSON.stringify(name.slice(0, 100))}, which cannot be kept safely`;
  throw new NetworkError(page, problem, 'Use another repository');
}

function licenceOf(
  { cardData, tags, siblings }: Repository,
  page: string,
): Pick<Found, 'licence' | 'licenceUrl'> {
  const tag = tags?.find((text) => text.startsWith('license:'))?.slice('license:'.length);
  const said = cardData?.license_name ?? cardData?.license ?? tag;
  const licence = Array.isArray(said) ? said.join(', ') : said;
  const file = siblings.find(({ rfilename }) => /^LICEN[CS]E[^/]*$/i.test(rfilename))?.rfilename;
  const link = cardData?.license_link;
  const isPage = typeof link === 'string' && URL.parse(link)?.protocol === 'https:';
  const licenceUrl = isPage
    ? link
    : `${page}${file === undefined ? '' : `/blob/main/${encodeURIComponent(file)}`}`;
  return { ...(licence && { licence: licence.slice(0, 200) }), licenceUrl: licenceUrl.slice(0, 2_000) };
}

const USELESS = ['.ckpt', '.pt', '.pth', '.bin', '.zip', '.gguf', '.onnx', '.7z', '.rar', '.tar', '.gz'];

async function lookAtFile(fetch: Fetch, url: string, signal: AbortSignal): Promise<Found> {
  const { response, linked } = await askForHead(fetch, url, signal);
  await response.body?.cancel();
  const said = nameIn(response.headers.get('content-disposition')) ?? lastPart(url);
  requireGood(response, url, said);
  if (USELESS.includes(extname(said).toLowerCase())) {
    throw new HdmError(
      'bad-usage',
      url,
      `${extname(said)} files cannot be used`,
      'Look for the .safetensors file',
    );
  }
  const name = extname(said).toLowerCase() === '.safetensors' ? said : `${said}.safetensors`;
  const sizeBytes = sizeOf(response, linked.size);
  const etag = (linked.etag ?? response.headers.get('etag'))?.replaceAll('"', '');
  const file = {
    name: basename(name),
    url,
    ...(sizeBytes !== undefined && { sizeBytes }),
    ...(etag && SHA256.test(etag) && { sha256: etag.toLowerCase() }),
  };
  return { address: url, name: stemOf(name), isRepository: false, files: [file] };
}

/** Some servers answer no HEAD: then the first byte is asked for. */
async function askForHead(fetch: Fetch, url: string, signal: AbortSignal): Promise<Answer> {
  const answer = await ask(fetch, url, { method: 'HEAD', signal });
  if (![400, 403, 404, 405, 501].includes(answer.response.status)) return answer;
  await answer.response.body?.cancel();
  return ask(fetch, url, { headers: { range: 'bytes=0-0' }, signal });
}

function sizeOf({ status, headers }: Response, linkedSize: string | undefined): number | undefined {
  const ranged = /\/(\d+)$/.exec(headers.get('content-range') ?? '')?.[1];
  const text = linkedSize ?? (status === 206 ? ranged : headers.get('content-length'));
  const size = text ? Number(text) : Number.NaN;
  return Number.isSafeInteger(size) && size >= 0 ? size : undefined;
}

/** `attachment; filename="a.safetensors"; filename*=UTF-8''a.safetensors` */
function nameIn(disposition: string | null): string | undefined {
  const encoded = /filename\*=(?:UTF-8)?''([^;]+)/i.exec(disposition ?? '')?.[1];
  const plain = /filename="?([^";]+)"?/i.exec(disposition ?? '')?.[1];
  const name = encoded === undefined ? plain : decoded(encoded);
  return name ? lastOf(name.split(/[/\\]/)) : undefined;
}

function lastPart(url: string): string {
  return decoded(lastOf(new URL(url).pathname.split('/')) ?? '') || new URL(url).hostname;
}

function lastOf(parts: readonly string[]): string | undefined {
  return parts.findLast((part) => part !== '');
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function stemOf(name: string): string {
  return basename(name, extname(name));
}
