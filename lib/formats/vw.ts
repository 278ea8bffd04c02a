/**
 * The text format of Vowpal Wabbit, a line a sample:
 *
 *   label importance 'tag |namespace:scale feature:value feature ... |another ...
 *
 * All before the first bar may be left out. A word that ends right before the bar, or begins with an apostrophe, is a tag.
 */
import { formatValue } from '../core/options.ts';
import { lineError } from './format-error.ts';
import { readLines } from './utf8.ts';

export interface VwFeature {
  readonly name: string;
  /** Times the namespace's scale. */
  readonly value: number;
}

export interface VwNamespace {
  /** Empty for features without one. */
  readonly name: string;
  readonly features: readonly VwFeature[];
}

export interface VwSample {
  /** From 1. */
  readonly line: number;
  /** Undefined where there is none. */
  readonly label: number | undefined;
  readonly importance: number;
  readonly namespaces: readonly VwNamespace[];
}

/** The samples of a file, one after another as they are read; blank lines are left out. */
export async function* readVw(path: string): AsyncGenerator<VwSample, void, void> {
  for await (const { line, text } of readLines(path)) {
    if (text.trim() !== '') yield readSample(path, line, text);
  }
}

function readSample(path: string, line: number, text: string): VwSample {
  const [head = '', ...sections] = text.replace(/\r$/, '').split('|');
  if (sections.length === 0) {
    throw lineError(
      path,
      line,
      `expected label |features, but there is no bar; got ${formatValue(text.slice(0, 40))}`,
    );
  }
  const words = head.split(/[ \t]+/).filter((word) => word !== '');
  const last = words.at(-1);
  const isTagged = last !== undefined && (last.startsWith("'") || !/[ \t]$/.test(head));
  if (isTagged && words.length === 1 && readNumber(last) !== undefined) {
    throw lineError(
      path,
      line,
      `${formatValue(last)} ends right before the bar, which makes it a tag and no label; put a blank between`,
    );
  }
  const [label, importance, ...others] = isTagged ? words.slice(0, -1) : words;
  if (others.length > 0) {
    throw lineError(
      path,
      line,
      `${formatValue(others[0])} is a third number before the bar, a prediction to start from, which is not supported; leave it out`,
    );
  }
  return {
    line,
    label: label === undefined ? undefined : readLabel(path, line, label),
    importance: importance === undefined ? 1 : readImportance(path, line, importance),
    namespaces: sections.map((section) => readNamespace(path, line, section)),
  };
}

function readLabel(path: string, line: number, word: string): number {
  const label = readNumber(word);
  if (label !== undefined) return label;
  const hint = /[:,]/.test(word)
    ? '; labels with costs, probabilities or several classes are not supported'
    : '';
  throw lineError(path, line, `a label is one number, got ${formatValue(word)}${hint}`);
}

function readImportance(path: string, line: number, word: string): number {
  const importance = readNumber(word);
  if (importance !== undefined && importance >= 0) return importance;
  throw lineError(
    path,
    line,
    `the importance behind a label is a number of at least 0, got ${formatValue(word)}`,
  );
}

function readNamespace(path: string, line: number, section: string): VwNamespace {
  const words = section.split(/[ \t]+/).filter((word) => word !== '');
  const isNamed = words.length > 0 && !/^[ \t]/.test(section);
  const { name, value: scale } = isNamed
    ? readFeature(path, line, words[0] as string)
    : { name: '', value: 1 };
  const features = (isNamed ? words.slice(1) : words).map((word) => {
    const feature = readFeature(path, line, word);
    return { name: feature.name, value: feature.value * scale };
  });
  return { name, features };
}

/** `name:number`, or `name` alone with 1. */
function readFeature(path: string, line: number, word: string): VwFeature {
  const colon = word.indexOf(':');
  if (colon < 0) return { name: word, value: 1 };
  const value = readNumber(word.slice(colon + 1));
  if (colon > 0 && value !== undefined) return { name: word.slice(0, colon), value };
  throw lineError(path, line, `expected a name, or name:number, got ${formatValue(word)}`);
}

function readNumber(text: string): number | undefined {
  const value = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text) ? Number(text) : Number.NaN;
  return Number.isFinite(Math.fround(value)) ? value : undefined;
}
