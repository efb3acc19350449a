import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { parseAddress } from '../../electron/host/downloads/address.ts';
import { lookAt, type Found } from '../../electron/host/downloads/offers.ts';
import { Speed } from '../../electron/host/downloads/speed.ts';
import { sha256, status, TestHub } from './downloads-server.ts';

const BYTES = new Uint8Array(10);
let hub: TestHub;
beforeEach(async () => {
  hub = await TestHub.open(onTestFinished);
});

describe('an address', () => {
  const HUB = 'https://hub.example';
  const repository = { kind: 'repository', repository: 'me/tiny-1.0' };

  it.each([
    ['me/tiny-1.0', repository],
    ['  https://hub.example/me/tiny-1.0/ ', repository],
    ['https://hub.example/me/tiny-1.0/tree/main', repository],
    [
      'https://hub.example/me/tiny-1.0/blob/main/a/b%20c.safetensors',
      { ...repository, file: 'a/b c.safetensors' },
    ],
    [
      'https://hub.example/me/tiny-1.0/resolve/main/a.safetensors?download=true',
      { ...repository, file: 'a.safetensors' },
    ],
    [
      'https://hub.example/me/tiny-1.0/blob/v2/a.safetensors',
      { kind: 'file', url: 'https://hub.example/me/tiny-1.0/resolve/v2/a.safetensors' },
    ],
    ['https://else.example/me/tiny', { kind: 'file', url: 'https://else.example/me/tiny' }],
    ['http://127.0.0.1:8080/x', { kind: 'file', url: 'http://127.0.0.1:8080/x' }],
  ])('%s is understood', (address, source) => {
    expect(parseAddress(address, HUB)).toEqual(source);
  });

  it.each([
    ['http://example.com/a.safetensors', /only https/],
    ['http://127.0.0.1.example.com/a', /only https/],
    ['file:///etc/passwd', /only https/],
    ['https://me:secret@example.com/a', /user name or a password/],
    ['../../etc/passwd', /neither a web address nor owner\/name/],
    ['some words', /neither a web address/],
  ])('%s is refused', (address, words) => {
    expect(() => parseAddress(address, HUB)).toThrow(words);
  });

  it('is not repeated with its password', () => {
    expect(() => parseAddress('https://me:secret@example.com/a', HUB)).toThrow(
      expect.not.stringContaining('secret'),
    );
  });
});

describe('a repository', () => {
  it('says its licence and what an HDM model needs of it', async () => {
    hub.addRepository(
      'me/model',
      withBytes(
        ...['README.md', 'LICENSE', 'samples.png', '.gitattributes', 'model_index.json', 'whole.safetensors'],
        ...['transformer/config.json', 'transformer/diffusion_pytorch_model.safetensors'],
        ...[
          'transformer/diffusion_pytorch_model.fp16.safetensors',
          'vae/diffusion_pytorch_model.safetensors',
        ],
        ...['tokenizer/tokenizer.json', 'tokenizer/merges.txt', 'onnx/config.json', 'model.ckpt'],
      ),
      { cardData: { license: 'other', license_name: 'my-licence' } },
    );
    const found = await look('me/model');
    expect(found.files.map(({ name }) => name)).toEqual([
      ...['README.md', 'LICENSE', 'model_index.json', 'transformer/config.json'],
      ...['transformer/diffusion_pytorch_model.safetensors', 'vae/diffusion_pytorch_model.safetensors'],
      ...['tokenizer/tokenizer.json', 'tokenizer/merges.txt'],
    ]);
    expect(found).toMatchObject({
      address: `${hub.address}/me/model`,
      name: 'model',
      licence: 'my-licence',
      licenceUrl: `${hub.address}/me/model/blob/main/LICENSE`,
    });
    expect(found.files[4]).toEqual({
      name: 'transformer/diffusion_pytorch_model.safetensors',
      url: `${hub.address}/me/model/resolve/main/transformer/diffusion_pytorch_model.safetensors`,
      sizeBytes: 10,
      sha256: sha256(BYTES),
    });
    expect(hub.fetched).toEqual([]);
  });

  it('may say its licence by a tag, and where it can be read', async () => {
    hub.addRepository('me/model', withBytes('a.safetensors'), {
      tags: ['art', 'license:cc-by-nc-sa-4.0'],
      cardData: { license_link: 'https://licence.example/cc' },
    });
    expect(await look('me/model')).toMatchObject({
      licence: 'cc-by-nc-sa-4.0',
      licenceUrl: 'https://licence.example/cc',
    });
  });

  it('gives one file of it when that was named', async () => {
    hub.addRepository('me/model', withBytes('a.safetensors', 'b/c.safetensors'), { tags: ['license:mit'] });
    const found = await look(`${hub.address}/me/model/blob/main/b/c.safetensors`);
    expect(found).toMatchObject({ name: 'c', isRepository: false, licence: 'mit' });
    expect(found.files.map(({ name }) => name)).toEqual(['b/c.safetensors']);
    expect(await look(found.address)).toEqual(found);
    await expect(look(`${hub.address}/me/model/blob/main/none.safetensors`)).rejects.toThrow(/no file "none/);
  });

  it.each([
    '../a.safetensors',
    'a/../../b.safetensors',
    '/etc/a.safetensors',
    'C:\\a.safetensors',
    'aux.safetensors',
    'a\u0000.json',
  ])('that names a file %j is refused', async (name) => {
    hub.addRepository('me/evil', { 'good.safetensors': { bytes: BYTES }, [name]: { bytes: BYTES } });
    await expect(look('me/evil')).rejects.toThrow(/cannot be kept safely/);
  });

  it.each([['without weights', { 'README.md': { bytes: BYTES } }, /holds no \.safetensors file/]])(
    '%s is refused',
    async (_what, files, words) => {
      hub.addRepository('me/empty', files);
      await expect(look('me/empty')).rejects.toThrow(words);
    },
  );

  it.each([
    ['is not there', 404, '', /nothing at this address/],
    ['wants a login', 401, '', /wants a login, or its terms accepted.*import the file/],
    ['is no hub', 200, '[]', /not that of a hub/],
    ['is no JSON', 200, 'hello', /not that of a hub/],
  ])('that %s is refused in words', async (_what, code, body, words) => {
    hub.pages.set('/api/models/me/odd', (request, response) =>
      status(code, {}, body)(request, response, { bytes: BYTES }),
    );
    await expect(look('me/odd')).rejects.toThrow(words);
  });
});

describe('a file at an address', () => {
  it('gives its size, its SHA-256 when the server knows it, and its name', async () => {
    hub.files.set('/a/b/my%20model', { bytes: BYTES, etag: `"${sha256(BYTES)}"` });
    hub.files.set('/a/b/my model', { bytes: BYTES, etag: `"${sha256(BYTES)}"` });
    expect(await look(`${hub.address}/a/b/my%20model`)).toEqual({
      address: `${hub.address}/a/b/my%20model`,
      name: 'my model',
      isRepository: false,
      files: [
        {
          name: 'my model.safetensors',
          url: `${hub.address}/a/b/my%20model`,
          sizeBytes: 10,
          sha256: sha256(BYTES),
        },
      ],
    });
    expect(hub.fetched).toEqual([]);
  });

  it('of a store behind a hub is known by what the hub says', async () => {
    hub.files.set('/store/x/1', { bytes: BYTES, etag: '"weak"' });
    hub.pages.set('/get/a/x.safetensors', (_request, response) =>
      response
        .writeHead(302, {
          location: '/store/x/1',
          'x-linked-etag': `"${sha256(BYTES)}"`,
          'x-linked-size': '10',
        })
        .end(),
    );
    expect((await look(`${hub.address}/get/a/x.safetensors`)).files[0]).toMatchObject({
      sizeBytes: 10,
      sha256: sha256(BYTES),
    });
  });

  it('is asked for its first byte where a server answers no HEAD', async () => {
    hub.pages.set('/get/a/x', (request, response) => {
      if (request.method === 'HEAD') response.writeHead(405).end();
      else {
        response.writeHead(206, {
          'content-range': 'bytes 0-0/1234',
          'content-disposition': `attachment; filename="x"; filename*=UTF-8''..%2Fmein%20Stil.safetensors`,
        });
        response.end('x');
      }
    });
    expect((await look(`${hub.address}/get/a/x`)).files[0]).toMatchObject({
      name: 'mein Stil.safetensors',
      sizeBytes: 1234,
    });
  });

  it.each([
    ['a web page', 200, { 'content-type': 'text/html' }, '/a/page/here', /a web page came/],
    ['a pickle', 200, {}, '/a/b/model.ckpt', /\.ckpt files cannot be used/],
    ['a circle', 302, { location: '/a/b/circle' }, '/a/b/circle', /leads on and on/],
    ['an unsafe redirect', 302, { location: 'http://example.com/' }, '/a/b/c', /only https/],
  ])('that is %s is refused', async (_what, code, headers, path, words) => {
    hub.pages.set(path, (request, response) => status(code, headers)(request, response, { bytes: BYTES }));
    await expect(look(hub.address + path)).rejects.toThrow(words);
  });
});

it('nobody outside may send us on to this computer', async () => {
  const redirecting = async (): Promise<Response> =>
    new Response(null, { status: 302, headers: { location: `${hub.address}/a/b/c` } });
  await expect(lookAt(redirecting, 'https://outside.example/a', hub.address)).rejects.toThrow(/not safe/);
  expect(hub.requests).toEqual([]);
});

it('the speed is that of the last seconds', () => {
  const speed = new Speed();
  expect(speed.bytesPerSecond(0)).toBe(0);
  for (let second = 0; second < 10; second++) speed.add(second < 5 ? 1_000_000 : 1_000, second * 1_000);
  expect(speed.bytesPerSecond(10_000)).toBeCloseTo(1_000);
  expect(speed.bytesPerSecond(30_000)).toBe(0);
});

function look(address: string): Promise<Found> {
  return lookAt(fetch, address, hub.address);
}

function withBytes(...names: string[]) {
  return Object.fromEntries(names.map((name) => [name, { bytes: BYTES }]));
}
