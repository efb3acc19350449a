/**
 * @file Wildcards: text files with one option a line, whose path below the wildcard folder is their name
 * (`style/light.txt` is `__style/light__`). Empty lines and those that begin with `#` are left out.
 */
import { readFileSync, realpathSync, statSync, type Stats } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { isAbsolute, join, relative, sep } from 'node:path';
import { HdmError, toHdmError } from '../../../engine/errors.ts';
import { wildcardNames } from '../../../engine/text/prompt-syntax.ts';

const ENDING = '.txt';
const MAX_FILE_BYTES = 8 << 20;
const MAX_LISTED = 10_000;
/** Of the contract. */
const MAX_NAME_LENGTH = 200;

interface KnownFile {
  readonly version: string;
  readonly options: readonly string[];
}

export class Wildcards {
  readonly #folder: () => string;
  readonly #known = new Map<string, KnownFile>();

  /** `folder` is asked each time: settings can change it. */
  constructor(folder: () => string) {
    this.#folder = folder;
  }

  /** Names that a prompt can use, in the order of the alphabet. Throws `disk` when the folder cannot be read. */
  async list(): Promise<string[]> {
    const folder = this.#folder();
    try {
      const entries = await readdir(folder, { recursive: true, withFileTypes: true });
      const names = entries
        .filter((entry) => entry.isFile() && entry.name.endsWith(ENDING))
        .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
        .map((path) => path.slice(0, -ENDING.length).split(sep).join('/'));
      return names.filter(isUsable).sort().slice(0, MAX_LISTED);
    } catch (error) {
      if (isAbsent(error)) return [];
      throw toHdmError(error, folder, 'disk');
    }
  }

  /**
   * The options of a wildcard; undefined when there is none of that name. Throws `bad-usage` when its file lies
   * outside the folder, `bad-file` when it is too large, `disk` when it cannot be read.
   */
  options(name: string): readonly string[] | undefined {
    const path = join(this.#folder(), `${name}${ENDING}`);
    try {
      const file = insideOf(realpathSync(this.#folder()), realpathSync(path), name);
      const found = statSync(file);
      return found.isFile() ? this.#read(file, found) : undefined;
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw toHdmError(error, path, 'disk');
    }
  }

  /** A thousand pictures ask a thousand times: a file is read again only when it changed. */
  #read(file: string, { size, mtimeMs }: Stats): readonly string[] {
    if (size > MAX_FILE_BYTES) {
      const problem = `expected at most ${MAX_FILE_BYTES} bytes, found ${size}`;
      throw new HdmError('bad-file', file, problem, 'Split it into several wildcards');
    }
    const version = `${size} ${mtimeMs}`;
    const known = this.#known.get(file);
    if (known?.version === version) return known.options;
    const options = linesOf(readFileSync(file, 'utf8'));
    this.#known.set(file, { version, options });
    return options;
  }
}

function linesOf(text: string): string[] {
  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/);
  return lines.map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#'));
}

/** The file, when it really is below the folder: neither a name nor a link leads out of it. */
function insideOf(folder: string, file: string, name: string): string {
  const path = relative(folder, file);
  if (path !== '..' && !path.startsWith(`..${sep}`) && !isAbsolute(path)) return file;
  const advice = 'Put the file itself there, not a link to it';
  throw new HdmError('bad-usage', `wildcard "${name}"`, 'its file is outside the wildcard folder', advice);
}

function isUsable(name: string): boolean {
  if (name.length > MAX_NAME_LENGTH || /[{}\\]/.test(name)) return false; // a brace would be a choice
  const [first, ...others] = wildcardNames(`__${name}__`);
  return first === name && others.length === 0;
}

function isAbsent(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR' || code === 'ENAMETOOLONG';
}
