/** The two sets that come with the package, in its folder `data`. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { GradloomError } from '../../core/errors.ts';
import { readWholeFile } from '../../formats/files.ts';
import { fromArrays } from '../arrays/from-arrays.ts';
import type { Dataset } from '../dataset.ts';

/**
 * Iris flowers: 150 samples `[4]` (length and width of sepal and petal, in cm) of 3 classes. They are sorted by
 * class, so an unshuffled split is useless.
 *
 * Source: R. A. Fisher, "The use of multiple measurements in taxonomic problems", Annals of Eugenics 7(2), 1936.
 */
export async function iris(): Promise<Dataset<[4], 'class'>> {
  const text = new TextDecoder().decode(await readPackageFile('iris.csv'));
  const [head = '', ...lines] = text.trimEnd().split('\n');
  const { features, classes } = splitColumns(lines);
  const [, , ...classNames] = head.split(',');
  return fromArrays({
    inputs: Float32Array.from(features.flat()),
    inputShape: [4],
    labels: Uint8Array.from(classes),
    classNames,
  });
}

/**
 * Handwritten digits: 1797 samples `[8, 8, 1]` of 10 classes. The pixels, 0 to 16, stay uint8; a model sees them
 * divided by 16.
 *
 * Source: E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998.
 */
export async function digits(): Promise<Dataset<[8, 8, 1], 'class'>> {
  const text = new TextDecoder().decode(gunzipSync(await readPackageFile('digits.csv.gz')));
  const { features, classes } = splitColumns(text.trimEnd().split('\n'));
  return fromArrays({
    inputs: Uint8Array.from(features.flat()),
    inputShape: [8, 8, 1],
    labels: Uint8Array.from(classes),
    classNames: DIGIT_NAMES,
    scale: 1 / 16,
  });
}

export const DIGIT_NAMES: readonly string[] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'];

/**
 * Lines of comma-separated numbers, the class last. The files are ours, so a wrong count shows as a shape that does
 * not fit.
 */
function splitColumns(lines: readonly string[]): { features: number[][]; classes: number[] } {
  const table = lines.map((line) => line.split(',').map(Number));
  return {
    features: table.map((row) => row.slice(0, -1)),
    classes: table.map((row) => row[row.length - 1] as number),
  };
}

/** The folder stands at the package's root, above this module in the source tree as in a bundle. */
async function readPackageFile(name: string): Promise<Uint8Array> {
  const start = dirname(fileURLToPath(import.meta.url));
  for (let folder = start; ; folder = dirname(folder)) {
    const path = join(folder, 'data', name);
    if (existsSync(path)) return await readWholeFile(path);
    if (folder === dirname(folder)) {
      throw new GradloomError(
        'NOT_INSTALLED',
        `${name}: no folder "data" above ${start} holds it; install gradloom again, or mark it external in a bundler`,
      );
    }
  }
}
