/** @file Whether a new picture belongs to what is shown; the host decides, this only foretells it. Pure. */
import type { Picture, PictureFilter } from '../../../electron/contract.ts';

/** Whether the host would list this picture, which is not in the trash, under the filter. */
export function matches(filter: PictureFilter, picture: Picture): boolean {
  const { search = '', isStarred, tag, folder, modelName, isDeleted } = filter;
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const text = `${picture.prompt}\n${picture.negativePrompt}`.toLowerCase();
  return (
    !isDeleted &&
    (isStarred === undefined || picture.isStarred === isStarred) &&
    (tag === undefined || picture.tags.includes(tag)) &&
    (folder === undefined || picture.folder === folder) &&
    (modelName === undefined || picture.modelName === modelName) &&
    words.every((word) => text.includes(word))
  );
}
