/** A small example of every function that gives a dataset, for the conformance suite; "name, how" is one more of a function. */
import { join } from 'node:path';
import {
  cifar10,
  csv,
  type Dataset,
  digits,
  fashionMnist,
  fromArrays,
  fromRows,
  fromSparse,
  fromTexts,
  idx,
  imageFolder,
  iris,
  json,
  libsvm,
  mnist,
  ndjson,
  npy,
  readShards,
  vw,
  writeShards,
} from '../../lib/datasets/index.ts';
import { encodeNpy } from '../../lib/formats/npy.ts';
import { tfidfVectorizer } from '../../lib/text/index.ts';
import { idxFile } from './files.ts';

export interface Example {
  /** What lies in the folder that `read` is given. */
  readonly files: Readonly<Record<string, string | Uint8Array>>;
  readonly read: (folder: string) => Promise<Dataset>;
}

const COUNT = 12;
const range = (length: number) => Array.from({ length }, (_, i) => i);
const bytes = (length: number, limit = 256) => Uint8Array.from(range(length), (i) => (i * 37) % limit);
const classes = bytes(COUNT, 3);
const NAMES = range(10).map((i) => `kind ${i}`);

const ROWS = range(COUNT).map((i) => ({
  size: i % 4 === 3 ? null : i * 1.5,
  city: ['Oslo', 'Rome, "La"', 'Zürich'][i % 3],
  even: i % 2 === 0,
  kind: i % 3 === 0 ? 'a' : 'b',
}));
const TABLE = { target: 'kind', missing: { size: 'mean' } } as const;
const QUOTED = ROWS.map(
  ({ size, city, even, kind }) =>
    `${size ?? ''},"${city?.replaceAll('"', '""')}",${Number(even)},${kind}\r\n`,
);

const MNIST_FILES = {
  'train-images-idx3-ubyte': idxFile([COUNT, 28, 28], bytes(COUNT * 784)),
  'train-labels-idx1-ubyte': idxFile([COUNT], classes),
  't10k-images-idx3-ubyte': idxFile([2, 28, 28], bytes(2 * 784)),
  't10k-labels-idx1-ubyte': idxFile([2], Uint8Array.of(9, 0)),
};

const CIFAR_RECORDS = bytes(COUNT * 3073).map((value, i) => (i % 3073 === 0 ? value % 10 : value));

const CIFAR_FILES = {
  'data_batch_1.bin': CIFAR_RECORDS,
  'data_batch_2.bin': CIFAR_RECORDS.subarray(0, 2 * 3073),
  'test_batch.bin': CIFAR_RECORDS.subarray(0, 3073),
  'batches.meta.txt': `${NAMES.join('\n')}\n`,
};

/** 1 x 2 grey pixels, as PNG: written by hand, since sharp may be absent. */
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAAAAADRSSBWAAAACXBIWXMAAAPoAAAD6AG1e1JrAAAAC0lEQVQImWNgPwEAANkA0M+tu4sAAAAASUVORK5CYII=',
  'base64',
);

export const EXAMPLES: Readonly<Record<string, Example>> = {
  fromArrays: {
    files: {},
    read: async () =>
      fromArrays({
        inputs: Float32Array.from(range(COUNT * 6), Math.sin),
        inputShape: [1, 2, 3],
        labels: Float32Array.from(range(COUNT * 2), Math.cos),
        sampleWeights: Float32Array.from(range(COUNT)),
        scale: [1, 2, 3],
        shift: 0.5,
      }),
  },
  fromSparse: {
    files: {},
    read: async () =>
      fromSparse({
        inputShape: [5],
        samples: range(COUNT).map((i) =>
          i % 3 === 0
            ? [i % 5, 4]
            : { indices: [0, i % 5].slice(0, i % 3), values: [0.5, -i].slice(0, i % 3) },
        ),
        labels: classes,
        sampleWeights: Float32Array.from(range(COUNT)),
      }),
  },
  fromTexts: {
    files: {},
    read: async () => {
      const texts = range(COUNT).map((i) => ['red fish', 'blue fish', 'one two two'][i % 3] as string);
      const vectorizer = tfidfVectorizer(texts);
      return fromTexts({
        texts,
        vectorizer,
        labels: range(COUNT).map((i) => (i % 3 < 2 ? 'fish' : 'count')),
      });
    },
  },
  fromRows: { files: {}, read: () => fromRows(ROWS, TABLE) },
  csv: {
    files: { x: `size,city,even,kind\r\n${QUOTED.join('')}` },
    read: (folder) => csv(join(folder, 'x'), TABLE),
  },
  json: { files: { x: JSON.stringify(ROWS, null, 1) }, read: (folder) => json(join(folder, 'x'), TABLE) },
  ndjson: {
    files: { x: ROWS.map((row) => `${JSON.stringify(row)}\n`).join('') },
    read: (folder) =>
      ndjson(join(folder, 'x'), { columns: ['size', 'city'], missing: TABLE.missing, target: ['even'] }),
  },
  libsvm: {
    files: {
      x: range(COUNT)
        .map((i) => `${i % 2 === 0 ? '+1' : '-1'} ${(i % 4) + 1}:${i / 4} 5:1 # ${i}\n`)
        .join(''),
    },
    read: (folder) => libsvm(join(folder, 'x')),
  },
  vw: {
    files: {
      x: range(COUNT)
        .map((i) => `${i % 2 === 0 ? '1' : '-1'} ${1 + (i % 3)} t${i}|a b:${i / 4} |c ${i % 4} d\n`)
        .join(''),
    },
    read: (folder) => vw(join(folder, 'x'), { features: 50, crosses: [['a', 'c']] }),
  },
  'csv, hashed': {
    files: { x: `size,city,even,kind\r\n${QUOTED.join('')}` },
    read: (folder) =>
      csv(join(folder, 'x'), {
        target: 'kind',
        types: { size: 'number' },
        hash: { features: 30, crosses: [['city', 'even']] },
      }),
  },
  npy: {
    files: {
      x: encodeNpy({ shape: [COUNT, 2, 3], data: Float64Array.from(range(COUNT * 6), Math.sin) }),
      y: encodeNpy({ shape: [COUNT], data: BigInt64Array.from(classes, BigInt) }),
    },
    read: (folder) => npy({ inputs: join(folder, 'x'), labels: join(folder, 'y') }),
  },
  idx: {
    files: { x: idxFile([COUNT, 3, 2], bytes(COUNT * 6)), y: idxFile([COUNT], classes) },
    read: (folder) => idx({ images: join(folder, 'x'), labels: join(folder, 'y'), scale: 1 / 255 }),
  },
  mnist: { files: MNIST_FILES, read: async (folder) => (await mnist({ folder })).train },
  fashionMnist: { files: MNIST_FILES, read: async (folder) => (await fashionMnist({ folder })).train },
  cifar10: {
    files: CIFAR_FILES,
    read: async (folder) => (await cifar10({ folder })).train,
  },
  'npy, mapped': {
    files: {
      x: encodeNpy({ shape: [COUNT, 2, 3], data: bytes(COUNT * 6) }),
      y: encodeNpy({ shape: [COUNT, 2], data: Float64Array.from(range(COUNT * 2), Math.sin) }),
    },
    read: (folder) =>
      npy({ inputs: join(folder, 'x'), labels: join(folder, 'y'), labelKind: 'values', memory: 'map' }),
  },
  'idx, mapped': {
    files: { x: idxFile([COUNT, 3, 2], bytes(COUNT * 6)), y: idxFile([COUNT], classes) },
    read: (folder) => idx({ images: join(folder, 'x'), labels: join(folder, 'y'), memory: 'map' }),
  },
  'cifar10, mapped': {
    files: CIFAR_FILES,
    read: async (folder) => (await cifar10({ folder, memory: 'map' })).train,
  },
  readShards: {
    files: {},
    read: async (folder) => {
      const set = fromArrays({
        inputs: bytes(COUNT * 6),
        inputShape: [3, 2],
        labels: classes,
        scale: [1, 0.5],
      });
      await writeShards(set, join(folder, 'set'), { samplesPerShard: 5 }).catch(() => undefined);
      return readShards(join(folder, 'set'));
    },
  },
  imageFolder: {
    files: Object.fromEntries(range(COUNT).map((i) => [`kind ${i % 3}/${i}.png`, PNG])),
    read: (folder) => imageFolder(folder, { size: [2, 2] }),
  },
  iris: { files: {}, read: iris },
  digits: { files: {}, read: async () => (await digits()).take(40) },
};
