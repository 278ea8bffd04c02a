/** What all pictures can be told. */
import { extent, optional, text, withDefault } from '../core/options.ts';
import { type Theme, theme } from './theme.ts';

export interface PlotOptions {
  /** Default: what the picture shows. */
  readonly title?: string;
  /** A line below the title. */
  readonly subtitle?: string;
  /** Of the plotted area, or of each one, in pixels. Default: about 420, as the picture needs. */
  readonly width?: number;
  /** Default: about 260, as the picture needs. */
  readonly height?: number;
  /** `'auto'`: an SVG follows its reader's system, a PNG is light. Default: `'auto'`. */
  readonly theme?: Theme;
}

export const PLOT_OPTIONS = {
  title: optional(text),
  subtitle: optional(text),
  width: optional(extent),
  height: optional(extent),
  theme: withDefault(theme, 'auto'),
};

interface Words {
  readonly title: string | undefined;
  readonly subtitle: string | undefined;
}

/** `title` in Vega-Lite's form, and the text that screen readers read. */
export function headed({ title, subtitle }: Words, fallback: string): { title: object; description: string } {
  const text = title ?? fallback;
  return {
    title: subtitle === undefined ? { text } : { text, subtitle },
    description: subtitle === undefined ? text : `${text}. ${subtitle}`,
  };
}
