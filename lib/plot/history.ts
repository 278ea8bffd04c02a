import { oneOf, readOptions, withDefault } from '../core/options.ts';
import type { EpochRecord } from '../history/history.ts';
import { axisOf, scaleOf, seriesEncoding } from './curves.ts';
import { checkRun, figureNames, inWords, type RunLike, readEpochs } from './epochs.ts';
import { headed, PLOT_OPTIONS, type PlotOptions } from './options.ts';
import { Plot } from './plot.ts';
import type { Datum, Spec } from './spec.ts';

export interface HistoryOptions extends PlotOptions {
  /** Of the panel of the loss. Default: `'linear'`. */
  readonly lossScale?: 'linear' | 'log';
}

const OPTIONS = { ...PLOT_OPTIONS, lossScale: withDefault(oneOf('linear', 'log'), 'linear') };

/** So few epochs are shown as points, too. */
const MAX_POINTED = 40;

/**
 * The curves of a run: one panel for the loss and one for each metric that is a single number, with training and
 * validation in each.
 *
 * @example
 * const history = await trainer.fit(train, { epochs: 20, validation: test });
 * await plot.history(history).save('curves.svg');
 */
export function history(run: RunLike, options: HistoryOptions = {}): Plot {
  const settings = readOptions('history', options, OPTIONS);
  const checked = checkRun('history', run);
  return new Plot('history', settings.theme, async () =>
    historySpec(await readEpochs('history', checked), settings),
  );
}

function historySpec(
  epochs: readonly EpochRecord[],
  settings: ReturnType<typeof readOptions<typeof OPTIONS>>,
): Spec {
  const [first] = epochs as readonly [EpochRecord, ...EpochRecord[]];
  const names = figureNames({ ...first, ...first.validation });
  const sets = first.validation === undefined ? ['training'] : ['training', 'validation'];
  const { width = names.length > 1 ? 320 : 460, height = 240, lossScale } = settings;
  const panels = names.map((name) => {
    const scale = name === 'loss' ? lossScale : 'linear';
    const values = rowsOf(epochs, name, scale);
    return {
      width,
      height,
      data: { values },
      mark: { type: 'line', ...(epochs.length <= MAX_POINTED ? { point: { filled: true, size: 28 } } : {}) },
      encoding: {
        x: {
          field: 'epoch',
          type: 'quantitative',
          scale: { zero: false, nice: false },
          axis: epochAxis(epochs),
        },
        y: {
          field: 'value',
          type: 'quantitative',
          scale: scaleOf(scale),
          axis: axisOf(
            inWords(name),
            scale,
            values.map(({ value }) => value),
          ),
        },
        ...seriesEncoding(sets, 'set'),
      },
    };
  });
  return { ...headed(settings, 'Training'), columns: 2, concat: panels, spacing: 28 };
}

export function epochAxis(epochs: readonly EpochRecord[]): object {
  return { title: 'epoch', format: 'd', tickMinStep: 1, tickCount: Math.min(epochs.length, 8), grid: false };
}

function rowsOf(epochs: readonly EpochRecord[], name: string, scale: 'linear' | 'log'): Datum[] {
  const row = (epoch: number, set: string, value: unknown): Datum[] =>
    typeof value !== 'number'
      ? []
      : [{ epoch, set, value: Number.isFinite(value) && (scale === 'linear' || value > 0) ? value : null }];
  return epochs.flatMap((epoch) => [
    ...row(epoch.epoch, 'training', (epoch as unknown as Record<string, unknown>)[name]),
    ...row(epoch.epoch, 'validation', (epoch.validation as Record<string, unknown> | undefined)?.[name]),
  ]);
}
