/** @file TOML files of other trainers become recipes; what has no meaning here is told. */
import { describe, expect, it } from 'vitest';
import { importToml } from '../../engine/training/import-toml.ts';

const HDM = `
[lightning]
seed = 7
epochs = 10
batch_size = 8
grad_acc = 4
devices = 2
precision = "16-mixed"
grad_clip = 1.0
grad_ckpt = true
  [lightning.imggencallback]
  size = 1024
  period = 128
[trainer]
lr = 0.1
opt_configs = {"weight_decay" = 0.01, "betas" = [0.9, 0.95]}
lr_sch_configs = {"warmup" = 50, "min_value" = 0.01}
[dataset]
  [[dataset.datasets]]
  class = "hdm.data.kohya.KohyaDataset"
    [dataset.datasets.kwargs]
    size = 1024
    dataset_folder = "pictures"
    tag_shuffle = true
    tag_dropout_rate = 0.25
[model]
model_path = "hdm.ckpt"
  [model.lycoris]
  algo = "lokr"
  factor = 4
  full_matrix = true
`;

const KOHYA = `
pretrained_model_name_or_path = "hdm.safetensors"
train_data_dir = "pictures"
resolution = "768,768"
train_batch_size = 2
max_train_steps = 1500
learning_rate = 1e-4
network_module = "lycoris.kohya"
network_dim = 8
network_alpha = 4
network_args = ["algo=loha", "preset=full"]
shuffle_caption = true
xformers = true
`;

const noPictures = (): Promise<number> => Promise.reject(new Error('no such folder'));

describe('a TOML file', () => {
  it('of HDM keeps its rate, batches, captions and adapter', async () => {
    const { recipe, data, unused, notes } = await importToml(HDM, 'hdm.toml', () => Promise.resolve(40));
    expect(recipe).toMatchObject({
      method: 'lokr',
      seed: 7,
      adapter: { factor: 4, fullMatrix: true },
      captions: { shuffleTags: true, dropTags: 0.25 },
      samples: { everySteps: 128 },
      stages: [
        {
          size: 1024,
          samples: 400,
          batch: 8,
          accumulation: 4,
          checkpointing: true,
          optimizer: { learningRate: 0.1, betas: [0.9, 0.95], weightDecay: 0.01, clip: 1, warmUp: 50 },
        },
      ],
    });
    expect(data).toBe('pictures');
    expect(unused).toEqual(['lightning.devices', 'dataset.datasets.class']);
    expect(notes).toEqual([expect.stringContaining('pickle')]);
  });

  it('of kohya keeps its network and size; its rate means something else', async () => {
    const { recipe, unused, notes } = await importToml(KOHYA, 'kohya.toml', noPictures);
    expect(recipe).toMatchObject({
      method: 'loha',
      model: { path: 'hdm.safetensors' },
      adapter: { rank: 8, alpha: 4 },
      stages: [{ size: 768, steps: 1500, batch: 2, optimizer: { learningRate: 0.1 } }],
    });
    expect(unused).toEqual(['xformers']);
    expect(notes.join(' ')).toMatch(/preset=full.*|fan-in/);
  });

  it('that is none, or says what cannot be, is refused', async () => {
    await expect(importToml('a = = 1', 'x.toml', noPictures)).rejects.toThrow(/no TOML/);
    await expect(importToml('train_batch_size = "many"', 'x.toml', noPictures)).rejects.toThrow(/batch/);
  });
});
