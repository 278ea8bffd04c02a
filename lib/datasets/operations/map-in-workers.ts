/** `map` by a module of the user's, in Workers, while the event loop of the caller stays free. */
import { Worker } from 'node:worker_threads';
import { type Deferred, deferred } from '../../core/deferred.ts';
import { GradloomError } from '../../core/errors.ts';
import { integer, optional, readOptions } from '../../core/options.ts';
import { type Shape, sizeOf } from '../../core/shape.ts';
import { info } from '../../native/info.ts';
import type { DatasetParts, LabelKind, Sample } from '../parts/dataset-parts.ts';
import { countOf, sampleAt } from '../parts/samples.ts';
import { MAP_OPTIONS, type MapOptions, MappedSamples, transformError } from './map.ts';

export interface WorkerMapOptions<Output extends Shape = Shape> extends MapOptions<Output> {
  /** How many, from 1 to 1,024. Default: `info().defaultThreads`. */
  readonly workers?: number;
}

const OPTIONS = { ...MAP_OPTIONS, workers: optional(integer(1, 1024)) };

/** Values of the samples that go to a Worker at once: some milliseconds' work, and no more memory than that. */
const PIECE = 2 ** 16;

export async function mapInWorkers<Label extends LabelKind>(
  parts: DatasetParts<Shape, Label>,
  module: URL,
  given: WorkerMapOptions,
): Promise<DatasetParts<Shape, Label>> {
  const { workers = info().defaultThreads, inputShape = parts.inputShape } = readOptions(
    'map',
    given,
    OPTIONS,
  );
  const mapped = new MappedSamples(parts, inputShape);
  const most = Math.ceil(PIECE / sizeOf(parts.inputShape));
  const length = countOf(parts);
  const pieces = Math.ceil(length / most);
  let piece = 0;
  const work = async (worker: MapWorker<Label>) => {
    while (piece < pieces) {
      const first = piece++ * most;
      const count = Math.min(most, length - first);
      const samples = Array.from({ length: count }, (_, i) => sampleAt(parts, first + i));
      for (const [i, result] of (await worker.transform(first, samples)).entries())
        mapped.put(first + i, result);
    }
  };
  const pool = Array.from({ length: Math.min(workers, pieces) }, () => new MapWorker<Label>(module));
  try {
    await Promise.all(pool.map(work));
  } finally {
    await Promise.all(pool.map((worker) => worker.end()));
  }
  return mapped.parts();
}

/** As text, since no bundler has to know of it. */
const PROGRAM = `
import('node:worker_threads').then(async ({ parentPort, workerData }) => {
  let transform;
  try {
    const loaded = (await import(workerData)).default;
    transform = loaded?.default ?? loaded;
  } catch (error) {
    parentPort.postMessage({ unloadable: String(error?.message ?? error) });
    return;
  }
  if (typeof transform !== 'function') {
    parentPort.postMessage({ unloadable: 'it has no function as its default export' });
    return;
  }
  parentPort.on('message', async ({ first, samples }) => {
    const results = [];
    try {
      for (const sample of samples) results.push(await transform(sample, first + results.length));
      parentPort.postMessage({ results });
    } catch (error) {
      // What is through and cannot be sent: which of them it is.
      const isStuck = (result) => {
        try { structuredClone(result); } catch { return true; }
      };
      const place = first + (results.length < samples.length ? results.length : results.findIndex(isStuck));
      parentPort.postMessage({ place, message: String(error?.message ?? error) });
    }
  });
});`;

type Answer =
  | { readonly results: readonly unknown[] }
  | { readonly place: number; readonly message: string }
  | { readonly unloadable: string };

class MapWorker<Label extends LabelKind> {
  readonly #worker: Worker;
  #answer: Deferred<readonly unknown[]> = deferred();
  #failure: unknown;

  constructor(module: URL) {
    this.#worker = new Worker(PROGRAM, { eval: true, workerData: module.href, name: 'gradloom map' });
    this.#worker.on('message', (answer: Answer) => {
      if ('results' in answer) this.#answer.resolve(answer.results);
      else if ('place' in answer) this.#fail(transformError(answer.place, answer.message));
      else this.#fail(invalid(`${module} cannot be used: ${answer.unloadable}`));
    });
    this.#worker.on('error', (error: Error | null) =>
      this.#fail(invalid(`${module} ended its Worker: ${error?.message ?? error}`)),
    );
    this.#worker.on('exit', (code) =>
      this.#fail(invalid(`${module} ended its Worker, with exit code ${code}, before all samples were done`)),
    );
  }

  /** One call at a time. Throws what went wrong since the last one, too. */
  async transform(first: number, samples: readonly Sample<Label>[]): Promise<readonly unknown[]> {
    if (this.#failure !== undefined) throw this.#failure;
    this.#answer = deferred();
    this.#worker.postMessage({ first, samples });
    return this.#answer.promise;
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    this.#answer.promise.catch(() => {});
    this.#answer.reject(error);
  }
}

function invalid(text: string): GradloomError {
  return new GradloomError(
    'INVALID_OPTION',
    `map: ${text}; give the URL of a module whose default export transforms a sample`,
  );
}
