/** @file Everything that made a picture, for its file. */
import type { PictureSettings } from '../image/settings.ts';
import type { Pipeline } from './pipeline.ts';
import type { PictureRequest } from './request.ts';

/** What a request does not say: names for people, and the version of the program. */
export type PictureLabel = Pick<PictureSettings, 'appVersion' | 'model' | 'adapters' | 'promptTemplate'>;

/** The settings of the picture that a pipeline draws for a request. */
export function pictureSettings(
  { camera, from, guidanceInterval, ...rest }: PictureRequest,
  { device, precision }: Pick<Pipeline, 'device' | 'precision'>,
  label: PictureLabel,
): PictureSettings {
  return {
    version: 1,
    app: 'hdm-studio',
    ...rest,
    ...camera,
    ...label,
    guidanceInterval: [...guidanceInterval],
    ...(from && { image2image: { strength: from.strength, mask: from.mask !== undefined } }),
    precision: precision === 'f16' ? 'f16' : 'f32',
    device,
  };
}
