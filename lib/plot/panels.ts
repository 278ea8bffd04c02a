import { GradloomError } from '../core/errors.ts';
import { extent, formatValue, readOptions, withDefault } from '../core/options.ts';
import { headed, PLOT_OPTIONS, type PlotOptions } from './options.ts';
import { Plot } from './plot.ts';

export interface PanelsOptions extends Pick<PlotOptions, 'title' | 'subtitle' | 'theme'> {
  /** Pictures side by side. Default: 2. */
  readonly columns?: number;
}

const { title, subtitle, theme } = PLOT_OPTIONS;
const OPTIONS = { title, subtitle, theme, columns: withDefault(extent, 2) };

/**
 * Several pictures as one, each with its own title, axes and legend.
 *
 * @example
 * await plot.panels([plot.history(history), plot.learningRates(rates)], { title: 'One run' }).save('run.svg');
 *
 * Throws `INVALID_OPTION` for anything but pictures of this module, at least one.
 */
export function panels(pictures: readonly Plot[], options: PanelsOptions = {}): Plot {
  const { columns, ...settings } = readOptions('panels', options, OPTIONS);
  const isList = Array.isArray(pictures) && pictures.length > 0;
  if (!isList || !pictures.every((picture) => picture instanceof Plot)) {
    throw new GradloomError(
      'INVALID_OPTION',
      `panels: pictures must be a list of at least one picture, such as [plot.history(run)], got ${formatValue(pictures)}`,
    );
  }
  return new Plot('panels', settings.theme, async () => {
    const specs = await Promise.all(pictures.map((picture) => picture.spec()));
    return {
      ...(settings.title === undefined ? {} : headed(settings, settings.title)),
      columns,
      concat: specs.map(({ $schema: _, config: __, ...spec }) => spec),
      spacing: 32,
      resolve: { scale: { color: 'independent', strokeDash: 'independent' } },
    };
  });
}
