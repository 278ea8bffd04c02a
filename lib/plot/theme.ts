/**
 * Colours that can be read on light and on dark pages. Vega writes them into the SVG as attributes, and a rule of CSS may
 * override an attribute: so one picture is drawn in the light colours, and a style sheet within it exchanges them where
 * the reader's system is dark.
 */
import { oneOf } from '../core/options.ts';
import type { Spec } from './spec.ts';

export type Theme = 'auto' | 'light' | 'dark';

export const theme = oneOf('auto', 'light', 'dark');

/** Each a colour of its own, so that it can be found again. */
const PAIRS = {
  background: { light: '#ffffff', dark: '#0d1117' },
  text: { light: '#1f2429', dark: '#e6edf3' },
  muted: { light: '#59636e', dark: '#9198a1' },
  axis: { light: '#8c959e', dark: '#6e7680' },
  grid: { light: '#e4e7eb', dark: '#262c34' },
} as const;

export type Role = keyof typeof PAIRS;

/** A themed colour, for marks that are neither a series nor an axis. */
export function colorOf(role: Role): string {
  return PAIRS[role].light;
}

/** At least 3:1 against both backgrounds, and told apart by people who see red and green alike. */
export const SERIES_COLORS: readonly string[] = [
  ...['#3b82f6', '#e36209', '#1a9e66', '#c2409b', '#8a63d2', '#0d94ad', '#b08000', '#d1453b'],
  ...['#7d8590', '#a0714f'],
];

/** Beyond the colours the dashes change. */
export const SERIES_DASHES: readonly (readonly number[])[] = [[], [6, 3], [2, 2], [8, 3, 2, 3]];

/** Of a line on one other, and on two: each leaves the ones below their turn. */
export const COVERING_DASHES: readonly (readonly number[])[] = [
  [10, 8],
  [4, 14],
];

/** What most systems have; resvg is told one by its file. */
const FONTS = 'system-ui, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", Arial, sans-serif';

export const VEGA_CONFIG: Spec = {
  background: colorOf('background'),
  font: FONTS,
  padding: 12,
  view: { stroke: null },
  title: {
    color: colorOf('text'),
    subtitleColor: colorOf('muted'),
    fontSize: 14,
    fontWeight: 600,
    subtitleFontSize: 12,
    anchor: 'start',
    offset: 12,
    subtitlePadding: 4,
  },
  axis: {
    labelColor: colorOf('muted'),
    titleColor: colorOf('text'),
    domainColor: colorOf('axis'),
    tickColor: colorOf('axis'),
    gridColor: colorOf('grid'),
    labelFontSize: 11,
    titleFontSize: 12,
    titleFontWeight: 500,
    titlePadding: 8,
    tickSize: 4,
  },
  legend: {
    labelColor: colorOf('text'),
    titleColor: colorOf('text'),
    labelFontSize: 12,
    titleFontSize: 12,
    titleFontWeight: 500,
    symbolStrokeWidth: 2.5,
    symbolSize: 160,
    labelLimit: 320,
  },
  line: { strokeWidth: 2, strokeJoin: 'round' },
  text: { color: colorOf('text') },
  range: { category: SERIES_COLORS },
};

/** Puts an SVG that was drawn in the light colours into a theme. */
export function applyTheme(svg: string, chosen: Theme): string {
  if (chosen === 'light') return svg;
  if (chosen === 'dark') {
    return Object.values(PAIRS).reduce(
      (text, { light, dark }) => text.replaceAll(`"${light}"`, `"${dark}"`),
      svg,
    );
  }
  const rules = Object.values(PAIRS).flatMap(({ light, dark }) =>
    ['fill', 'stroke'].map((property) => `.gradloom-plot [${property}="${light}"]{${property}:${dark}}`),
  );
  const style = `<style>@media (prefers-color-scheme: dark){${rules.join('')}}</style>`;
  return svg.replace(
    /^<svg [^>]*>/,
    (tag) => `${tag.replace('class="marks"', 'class="gradloom-plot"')}${style}`,
  );
}
