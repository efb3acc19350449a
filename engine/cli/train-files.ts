/** @file `hdm-studio train report|export|import`: what a run and other trainers' files can become. */
import { existsSync, readFileSync } from 'node:fs';
import { Command } from 'commander';
import { HdmError, toHdmError } from '../errors.ts';
import { writeWhole } from '../image/save.ts';
import { datasetSource, openDataset } from '../training/data/dataset.ts';
import { importToml } from '../training/import-toml.ts';
import { exportRun } from '../training/run/export.ts';
import { reportHtml } from '../training/run/report.ts';
import { jsonOption, toPath } from './options.ts';
import { openOutput } from './output.ts';

interface FileOptions {
  readonly out: string;
  readonly json?: boolean;
}

export function trainReportCommand(): Command {
  return new Command('report')
    .description('a run as one HTML file that opens without a network')
    .argument('<run>', 'folder of the run')
    .requiredOption('--out <file>', 'the .html file to write', toPath)
    .addOption(jsonOption())
    .action(async (run: string, { out, json }: FileOptions) => {
      const html = Buffer.from(await reportHtml(run));
      await writeNew(out, html);
      finish(json, out, { file: out, sizeBytes: html.length });
    });
}

export function trainExportCommand(): Command {
  return new Command('export')
    .description('a run as a folder that the original PyTorch trainer goes on with')
    .argument('<run>', 'folder of the run')
    .requiredOption('--out <folder>', 'a new folder', toPath)
    .addOption(jsonOption())
    .action(async (run: string, { out, json }: FileOptions) => {
      const exported = await exportRun(run, out);
      finish(json, `${exported.folder}: ${exported.files.join(', ')}`, exported);
    });
}

export function trainImportCommand(): Command {
  return new Command('import')
    .description('a recipe from the TOML file of another trainer (kohya, HDM)')
    .argument('<file>', 'the .toml file')
    .requiredOption('--out <file>', 'the .json recipe to write', toPath)
    .addOption(jsonOption())
    .action(async (file: string, { out, json }: FileOptions) => {
      const { recipe, data, unused, notes } = await importToml(readText(file), file, countPictures);
      await writeNew(out, Buffer.from(`${JSON.stringify(recipe, null, 2)}\n`));
      const { note } = openOutput(json ?? false);
      notes.forEach(note);
      if (unused.length > 0) note(`without meaning here: ${unused.join(', ')}`);
      finish(json, data === undefined ? out : `${out}, for the pictures in ${data}`, {
        file: out,
        data,
        unused,
        notes,
      });
    });
}

async function countPictures(folder: string): Promise<number> {
  return (await openDataset(datasetSource(folder))).length;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw toHdmError(error, path, 'disk');
  }
}

async function writeNew(path: string, bytes: Uint8Array): Promise<void> {
  if (existsSync(path)) {
    throw new HdmError('bad-usage', path, 'there is such a file already', 'Choose another name');
  }
  await writeWhole(path, bytes);
}

function finish(json: boolean | undefined, line: string, result: unknown): void {
  const output = openOutput(json ?? false);
  output.line(line);
  output.result(result);
}
