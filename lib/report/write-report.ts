import { GradloomError } from '../core/errors.ts';
import { formatValue, instanceOf, optional, readOptions, readValue, text } from '../core/options.ts';
import { type AnyDataset, Dataset } from '../datasets/dataset.ts';
import { checkWritable, writeFileAtomic } from '../formats/files.ts';
import type { EpochRecord, History } from '../history/history.ts';
import { factsOf, type RunFacts } from '../history/run-facts.ts';
import { loadVega } from '../plot/packages.ts';
import { makePage } from './page.ts';
import { drawPictures } from './pictures.ts';

export interface ReportOptions {
  /** Default: `'Training run'`. */
  readonly title?: string | undefined;
  /** Measured at the end, for the confusion matrix or the predictions. Default: the run's validation set. */
  readonly validation?: AnyDataset | undefined;
}

const OPTIONS = {
  title: optional(text),
  validation: optional(instanceOf('a Dataset', Dataset)),
};

/**
 * Waits for a run's end and writes a page about it: outcome, curves, confusion matrix or predictions, throughput, settings,
 * data, model and the log of its epochs. The page is one file without scripts that needs no network, in light and
 * dark.
 *
 * `fit` with `report: 'run.html'` writes the same page at the run's end.
 *
 * @example
 * const run = trainer.fit(train, { epochs: 20, validation: test });
 * await writeReport(run, 'run.html');
 *
 * Rejects with `INVALID_OPTION` for what is no run of `fit`, with `NOT_INSTALLED` when vega is not there, with
 * `INVALID_DATA` for a run that ended before its first epoch, and as the run does.
 */
export async function writeReport<Epoch extends EpochRecord>(
  run: PromiseLike<History<Epoch>> & AsyncIterable<Epoch>,
  path: string,
  options: ReportOptions = {},
): Promise<void> {
  readValue('writeReport', 'path', path, text);
  checkWritable(path);
  const { title, validation } = readOptions('writeReport', options, OPTIONS);
  const facts = factsOf(run);
  if (facts === undefined) {
    throw new GradloomError(
      'INVALID_OPTION',
      `writeReport: run must be what fit returned for a data set (not its history, and not yet a run over a stream), got ${formatValue(run)}`,
    );
  }
  await loadVega('writeReport');
  const history = (await run) as History;
  if (history.epochs.length === 0) {
    throw new GradloomError(
      'INVALID_DATA',
      'writeReport: the run ended before its first epoch; there is nothing to report',
    );
  }
  await writePage(facts, history, path, { title, validation });
}

/** Of a run of at least one epoch. */
export async function writePage(
  facts: RunFacts,
  history: History,
  path: string,
  { title = 'Training run', validation = facts.validation }: ReportOptions = {},
): Promise<void> {
  const pictures = await drawPictures(facts, history, validation);
  await writeFileAtomic(path, new TextEncoder().encode(makePage({ title, facts, history, pictures })));
}
