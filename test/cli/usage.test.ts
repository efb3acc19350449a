import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { hdmStudio, refusal, type Outcome } from '../helpers/command-line.ts';
import { writeTinyModel } from '../helpers/tiny-model.ts';

let folder = '';
let model = '';
let vae = '';
let picture = '';

beforeAll(async () => {
  vi.stubEnv('VK_DRIVER_FILES', undefined); // a GPU in software would be tried, for seconds
  folder = mkdtempSync(join(tmpdir(), 'hdm-usage-'));
  ({ folder: model, vae } = writeTinyModel(join(folder, 'model')));
  picture = join(folder, 'given.png');
  await draw('--out', picture);
});

afterAll(() => rmSync(folder, { recursive: true }));

/** `sample` with all it needs; what is given comes after and counts. */
function draw(...args: string[]): Promise<Outcome> {
  const usual = ['--model', model, '--prompt', 'a cat', '--steps', '1', '--seed', '1', '--device', 'cpu'];
  return hdmStudio('sample', ...usual, '--out', join(folder, 'drawn.png'), ...args);
}

describe('a command line that cannot be', () => {
  it.each<[words: string, says: string]>([
    ['--size 0', 'the size must be a multiple of 16 from 64 to 2048, got 0'],
    ['--size 17', 'multiple of 16'],
    ['--size 63', 'from 64'],
    ['--size 1000', 'multiple of 16'],
    ['--size 2049', 'to 2048'],
    ['--size 1e9', 'to 2048'],
    ['--size -1', 'expected a whole number'],
    ['--size big', "argument 'big': expected a number"],
    ['--width 100', 'the width must be a multiple of 16 from 64 to 2048, got 100'],
    ['--width 64 --height 65', 'the height must be'],
    ['--height 0', 'must be a multiple of 16'],
    ['--size 64 --width 64', '--width and --height leave nothing for --size'],
    ['--aspect 0:1', 'above 0'],
    ['--aspect 1:0', 'above 0'],
    ['--aspect 1:', 'above 0'],
    ['--aspect abc', 'a ratio such as 3:2'],
    ['--aspect 1:2:3', 'a ratio such as 3:2'],
    ['--aspect 1e308:1e-308', 'shorter than 64 or longer than 2048'],
    ['--size 1024 --aspect 5:1', 'shorter than 64 or longer than 2048'],
    ['--steps 0', 'from 1 to 1000, got 0'],
    ['--steps 1001', 'from 1 to 1000, got 1001'],
    ['--steps 1.5', 'expected a whole number'],
    ['--cfg NaN', 'expected a number'],
    ['--cfg Infinity', 'expected a number'],
    ['--cfg 101', 'guidance scale'],
    ['--seed -1', 'expected a whole number'],
    ['--seed 1.5', 'expected a whole number'],
    ['--seed 9007199254740992', 'expected a whole number'],
    ['--seed 9007199254740991 --count 2', 'the seed must be a whole number from 0 to 9007199254740991'],
    ['--count 0', 'at least 1'],
    ['--shift 4', 'does nothing in the uniform schedule'],
    ['--tread-negative 0.5 --cfg 1', 'does nothing at a guidance scale of 1'],
    ['--sampler foo', 'euler, heun, dpmpp-2m, unipc'],
    ['--schedule foo', 'uniform, shifted'],
    ['--shift 0', 'the shift of the schedule must be above 0'],
    ['--guidance-interval 0.9:0.2', 'must rise within 0..1'],
    ['--guidance-interval x', 'an interval such as 0.2:0.9'],
    ['--zoom 0', 'zoom must be within'],
    ['--zoom 1e-300', 'zoom must be within'],
    ['--x-shift 11', 'shifts within -10..10'],
    ['--tread-negative 1', 'the TREAD rate must be 0 to less than 1'],
    ['--precision f64', 'f32, f16'],
    ['--device nonsense', 'auto, cpu, webgpu'],
    ['--strength 0.5', 'needs a picture to begin from'],
    ['--mask PICTURE', 'needs a picture to begin from'],
    ['--init-image PICTURE --strength 0', 'the strength must be above 0 and at most 1, got 0'],
    ['--init-image PICTURE --strength 2', 'the strength must be above 0 and at most 1, got 2'],
    ['--adapter style.safetensors:much', 'expected a number'],
    ['--out drawn.gif', 'Name it .png, .webp or .jpg'],
    ['--out drawn', 'Name it .png, .webp or .jpg'],
    ['--promt cat', "unknown option '--promt' (Did you mean --prompt?)"],
    ['extra', 'too many arguments'],
  ])('is refused with exit code 2: sample %s', async (words, says) => {
    const args = words.split(' ').map((word) => (word === 'PICTURE' ? picture : word));
    expect(refusal(await draw(...args), 2)).toContain(says);
    expect(readdirSync(folder).sort()).toEqual(['given.png', 'model']);
  });

  it.each([
    '--model',
    '--out',
    '--init-image',
    '--mask',
    '--vae',
    '--text-encoder',
    '--tokenizer',
    '--adapter',
  ])('is refused where %s is empty, as from a variable that is not set', async (option) => {
    expect(refusal(await draw(option, ''), 2)).toContain(`${option} `);
  });

  it.each([
    ['sample', "required option '--prompt <text>' not specified"],
    ['train lokr --out runs/mine', 'a new run needs pictures'],
    ['train toy-simple --device cpu', '--out is missing'], // the recipe knows its pictures
    ['train toy-simple --count 0 --out runs/mine --device cpu', 'toy scenes'],
    ['train --resume --count 9 --out runs/mine', 'cannot be used with option'],
    ['train toy-simple --data build --count 9 --out runs/mine', 'only toy scenes are made in any number'],
    ['inspect', "missing required argument 'path'"],
    ['check', "missing required argument 'files'"],
    ['bench', 'a command is missing'],
    ['bench forward --size big', 'expected a number'],
    ['bench nothing', "unknown command 'nothing'"],
    ['devices now', 'too many arguments'],
    ['paint', "unknown command 'paint'"],
    ['constructor', "unknown command 'constructor'"], // every object has a property of this name
    ['--loud', "unknown option '--loud'"],
  ])('is refused with exit code 2: %s', async (words, says) => {
    expect(refusal(await hdmStudio(...words.split(' ')), 2)).toContain(says);
  });

  it('is found before the model is read', async () => {
    const outcome = await draw('--model', join(folder, 'nowhere'), '--out', 'drawn.gif');
    expect(refusal(outcome, 2)).toContain('Name it .png');
  });
});

describe('--help', () => {
  it.each(['', 'sample', 'eval', 'inspect', 'check', 'devices', 'bench', 'bench forward', 'help'])(
    'explains "%s" on stdout and ends well',
    async (command) => {
      const { code, stdout, stderr } = await hdmStudio(...command.split(' ').filter(Boolean), '--help');
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toContain('Usage: hdm-studio');
    },
  );

  it('is what an empty command line gives', async () => {
    expect(await hdmStudio()).toEqual(await hdmStudio('--help'));
  });
});

describe('with --json', () => {
  it.each([
    ['sample', () => draw('--json')],
    ['inspect', () => hdmStudio('inspect', model, '--json')],
    ['inspect of a file', () => hdmStudio('inspect', vae, '--scan', '--json')],
    ['inspect of a picture', () => hdmStudio('inspect', picture, '--json')],
    ['devices', () => hdmStudio('devices', '--json')],
    ['check', () => hdmStudio('check', tokenizerCases(), '--tokenizer', join(model, 'tokenizer'), '--json')],
  ])('%s prints one document on stdout', async (_name, run) => {
    const { code, stdout } = await run();
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).not.toHaveProperty('error');
  });

  it.each([
    ['bad-usage', 2, () => draw('--json', '--size', '0')],
    ['bad-usage', 2, () => draw('--json', '--steps', 'many')],
    ['bad-usage', 2, () => hdmStudio('paint', '--json')],
    ['bad-usage', 2, () => hdmStudio('bench', 'forward', '--size', 'big', '--json')],
    ['bad-usage', 2, () => hdmStudio('devices', 'now', '--json')],
    ['bad-model', 1, () => draw('--json', '--model', folder)],
    ['disk', 1, () => hdmStudio('inspect', join(folder, 'nowhere'), '--json')],
    ['disk', 1, () => hdmStudio('check', join(folder, 'nowhere'), '--json')],
    ['bad-file', 1, () => hdmStudio('check', picture, '--json')],
  ])('a failure is one document with the code %s on stdout', async (code, exitCode, run) => {
    const outcome = await run();
    const { error } = JSON.parse(outcome.stdout) as { error: { code: string; message: string } };
    expect({ exit: outcome.code, code: error.code }).toEqual({ exit: exitCode, code });
    expect(outcome.stderr).toBe(`${error.message}\n`);
  });

  function tokenizerCases(): string {
    const path = join(folder, 'cases.json');
    writeFileSync(path, JSON.stringify([{ text: 'Aé', ids: [65, 0xc3, 0xa9] }]));
    return path;
  }
});

describe('--width alone', () => {
  it('makes a square', async () => {
    const { stdout } = await draw('--width', '80', '--json');
    expect(JSON.parse(stdout)).toMatchObject({ pictures: [{ width: 80, height: 80 }] });
  });
});
