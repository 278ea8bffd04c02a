/** What the examples have in common: their command line, their pictures, and how they say whether they reach what they should. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Dataset, GradloomError } from 'gradloom';
import type { Plot } from 'gradloom/plot';
import slideSplits from './slide-splits.json' with { type: 'json' };

const PICTURES = join('out', 'examples');

const { values } = parseArgs({
  strict: false,
  options: { short: { type: 'boolean', default: false }, seed: { type: 'string', default: '0' } },
});

/** The least work that still shows an example to be right, for tests. */
export const isShort = values.short === true;

/** Another one gives other random numbers; what is to be reached stays. */
export const seed = Number(values.seed);

/** Draws a picture, where vega is installed. */
export async function draw(name: string, picture: Plot): Promise<void> {
  await mkdir(PICTURES, { recursive: true });
  const path = join(PICTURES, `${name}.svg`);
  try {
    await picture.save(path);
    console.log(`picture: ${path}`);
  } catch (error) {
    if (!(error instanceof GradloomError) || error.code !== 'NOT_INSTALLED') throw error;
    console.log(`no picture: ${error.message}`);
  }
}

/** One line of `npm run systems`' table; what is missed ends the example with exit code 1. */
export function reach(what: string, reached: number | string, expected: string, isReached: boolean): void {
  const figure = typeof reached === 'number' ? Number(reached.toPrecision(4)) : reached;
  console.log(`outcome: ${what} | ${figure} | ${expected} | ${isReached ? 'reached' : 'MISSED'}`);
  if (!isReached) process.exitCode = 1;
}

/** The split of the slides: scikit-learn's `train_test_split(..., test_size=0.2, random_state=42)`. */
export function slideSplit<Data extends Dataset>(data: Data, name: keyof typeof slideSplits): [Data, Data] {
  const test = new Set(slideSplits[name]);
  const train = Array.from({ length: data.length }, (_, place) => place).filter((place) => !test.has(place));
  return [data.select(train) as Data, data.select(slideSplits[name]) as Data];
}
