/** Remedies that errors give in the words of the API, in those of the command line. */

const WORDS: readonly (readonly [api: RegExp, cli: string])[] = [
  [/or name the columns by \{ header \}/, 'or give --no-header if that line is data'],
  [/\), quote the whole field, or give quote: "none"/, ', see --delimiter) and quote the whole field'],
  [
    /fill it by \{ missing: .*? \}, or leave the column out by \{ columns \}/,
    'fill it in the file, or train without --missing error or with --ignore for this column',
  ],
  [/leave the column out by \{ columns \}/, 'leave the column out by --ignore'],
  [/ with \{ decimal: "\." \}/, ', where points stand before decimals'],
  [/ with \{ decimal: "," \}/, ', where commas stand before decimals'],
  [/; to read it without labels, give \{ labelKind: "none" \}/, '; gradloom predict takes rows without it'],
  [/give \{ firstFeature: 0 \}/, 'give --first-feature 0'],
  [/no safetensors file; tables are read by .*$/, 'no model; give a file that train wrote'],
  [/the (file ends within the )?header's length .*$/, '$&; is this a model?'],
];

export function inFlags(message: string): string {
  return WORDS.reduce((text, [api, cli]) => text.replace(api, cli), message);
}
