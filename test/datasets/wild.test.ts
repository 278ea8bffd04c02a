/** CSV and JSON as they are found: each gives the right values or a clear error. */
import { truncateSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import test from 'ava';
import type { GradloomErrorCode } from '../../lib/core/errors.ts';
import { type CsvOptions, csv, type Dataset, json, ndjson, npy } from '../../lib/datasets/index.ts';
import { checkError } from '../api/errors.ts';
import { fileWith } from './files.ts';
import { rowsOf } from './rows.ts';

type Good = readonly [
  title: string,
  text: string | Uint8Array,
  options: CsvOptions,
  rows: number[][],
  names?: string[],
];

const GOOD: readonly Good[] = [
  [
    'a header with a line break and a BOM before its quote',
    '\ufeff"a\r\nb",c\r\n1,2\r\n',
    {},
    [[1, 2]],
    ['a\r\nb', 'c'],
  ],
  [
    'LF, CRLF and CR mixed',
    'a,b\n1,2\r\n3,4\r5,6\n',
    {},
    [
      [1, 2],
      [3, 4],
      [5, 6],
    ],
  ],
  [
    'a delimiter behind each line',
    'a,b,\n1,2,\n3,4,\n',
    {},
    [
      [1, 2],
      [3, 4],
    ],
    ['a', 'b'],
  ],
  [
    'columns without a name and without values',
    ',a,,b\n0,1,,2\n1,3,,4\n',
    {},
    [
      [0, 1, 2],
      [1, 3, 4],
    ],
    ['column 1', 'a', 'b'],
  ],
  ['one row, one column, no line break', 'a\n7', {}, [[7]]],
  ['one row without a header', '7;8', { header: 'none', delimiter: ';' }, [[7, 8]], ['column 1', 'column 2']],
  ['blank lines anywhere, some of blanks', '\n\na,b\n \n1,2\n\t\n\n', {}, [[1, 2]]],
  ['every field quoted', '"a","b"\n"1","-2.5"\n', {}, [[1, -2.5]]],
  [
    'numbers as programs write them',
    'a\n+1\n-.5\n2.\n1E3\n1e-2\n007\n',
    {},
    [[1], [-0.5], [2], [1000], [Math.fround(0.01)], [7]],
  ],
  [
    'decimal commas',
    'a;b\n1,5;x\n-2;y\n',
    { delimiter: ';', decimal: ',' },
    [
      [1.5, 1, 0],
      [-2, 0, 1],
    ],
  ],
  [
    'a thousands point is no number with decimal commas',
    'a\n1.500\n2.000\n',
    { decimal: ',', categories: 'index' },
    [[0], [1]],
  ],
  [
    'words for what is missing',
    'a,b\n1,NaN\nnan,2\n#N/A,None\n<NA>,NULL\n',
    { missing: 'zero' },
    [
      [1, 0],
      [0, 2],
      [0, 0],
      [0, 0],
    ],
  ],
  ['infinities among texts are texts', 'a\ninf\nx\n', { categories: 'index' }, [[0], [1]]],
  [
    'quotes that are characters',
    'a|b\n5"|1\n6"|2\n',
    { delimiter: '|', quote: 'none', categories: 'index' },
    [
      [0, 1],
      [1, 2],
    ],
  ],
  [
    'single quotes, a delimiter of two characters',
    "a::b\n'1::2'::3\n",
    { delimiter: '::', quote: "'", categories: 'index' },
    [[0, 3]],
  ],
  [
    'keys that objects have of their own',
    '__proto__,constructor\n1,2\n',
    {},
    [[1, 2]],
    ['__proto__', 'constructor'],
  ],
  [
    'categories that objects have of their own',
    'a\n__proto__\ntoString\n',
    { categories: 'index' },
    [[0], [1]],
  ],
];

for (const [title, text, options, rows, names] of GOOD) {
  test(`csv: ${title}`, async (t) => {
    const data: Dataset = await csv(fileWith(t, text), options);
    t.deepEqual(rowsOf(data), rows);
    if (names !== undefined) t.deepEqual(data.table?.featureNames, names);
  });
}

type Bad = readonly [
  title: string,
  text: string | Uint8Array,
  options: CsvOptions,
  code: GradloomErrorCode,
  message: string,
];

const COLUMNS = 'columns; check the delimiter (",") and the quotes';
const BAD: readonly Bad[] = [
  [
    'a delimiter behind the values alone',
    'a,b\n1,2,\n',
    {},
    'FILE_FORMAT',
    `line 2: has 3 fields, but there are 2 ${COLUMNS}`,
  ],
  [
    'a delimiter behind the header alone',
    'a,b,\n1,2\n',
    {},
    'FILE_FORMAT',
    `line 2: has 2 fields, but there are 3 ${COLUMNS}`,
  ],
  [
    'a last line cut off',
    'a,b\n1,2\n3',
    {},
    'FILE_FORMAT',
    `line 3: has 1 fields, but there are 2 ${COLUMNS}`,
  ],
  [
    'a last quote cut off',
    'a,b\n1,2\n3,"4',
    {},
    'FILE_FORMAT',
    'line 3: a quote is opened in the record that begins here and never closed',
  ],
  [
    'equal names, told apart by blanks alone',
    'a, b,b \n1,2,3\n',
    {},
    'FILE_FORMAT',
    'line 1: column 3 has the name "b" of column 2; rename it, or name the columns by { header }',
  ],
  [
    'a name that columns without one get',
    'column 2,\n1,2\n',
    {},
    'FILE_FORMAT',
    'line 1: column 2 has the name "column 2" of column 1; rename it, or name the columns by { header }',
  ],
  [
    'infinities',
    'a\n1\n-inf\n',
    {},
    'INVALID_DATA',
    'line 3: column "a": "-inf" is not finite as float32; rescale or drop it',
  ],
  [
    'Infinity',
    'a\nInfinity\n1\n',
    {},
    'INVALID_DATA',
    'line 2: column "a": "Infinity" is not finite as float32; rescale or drop it',
  ],
  [
    'a quote within a field far down, behind a quoted line break',
    `a,b\n"u\r\nv",1\n${'w,2\n'.repeat(50)}x"y,3\n`,
    {},
    'FILE_FORMAT',
    'line 54: a quote stands within a field that does not begin with one; check the delimiter (","), quote the whole field, or give quote: "none"',
  ],
  ['a header alone', 'a,b', {}, 'FILE_FORMAT', 'has no line of data'],
  ['a BOM alone', '\ufeff', {}, 'FILE_FORMAT', 'has no line of data'],
  [
    'UTF-16',
    Uint8Array.of(0xff, 0xfe, 0x61, 0x00, 0x0a, 0x00),
    {},
    'FILE_FORMAT',
    'at byte 0: the text is not UTF-8; this is UTF-16: save the file as UTF-8',
  ],
  [
    'a gzip file',
    gzipSync('a,b\n1,2\n'),
    {},
    'FILE_FORMAT',
    'at byte 1: the text is not UTF-8; this is a gzip file: unpack it first',
  ],
  [
    'a workbook',
    Uint8Array.of(0x50, 0x4b, 3, 4, 0x14, 0, 6, 0, 8, 0, 0, 0, 0x21, 0, 0xb5, 0x55),
    {},
    'FILE_FORMAT',
    'at byte 14: the text is not UTF-8; this is a ZIP file, as .xlsx workbooks are: export the table as CSV, or unpack it',
  ],
  [
    'more header names than columns',
    '1,2\n',
    { header: ['a', 'b', 'c'] },
    'FILE_FORMAT',
    `line 1: has 2 fields, but there are 3 ${COLUMNS}`,
  ],
  [
    'a line of delimiters alone',
    'a,b\n1,2\n,\n',
    {},
    'INVALID_DATA',
    'line 3: column "a": the value is missing; fill it by { missing: "zero" | "mean" | "category" }, or leave the column out by { columns }',
  ],
];

for (const [title, text, options, code, message] of BAD) {
  test(`csv: ${title}: an error`, async (t) => {
    const path = fileWith(t, text);
    await checkError(t, code, [() => csv(path, options), `${path}: ${message}`]);
  });
}

test('csv: many columns and very long lines', async (t) => {
  const width = 20_000;
  const numbers = Array.from({ length: width }, (_, i) => i % 1000);
  const header = numbers.map((_, i) => `column of some name ${i}`).join(',');
  const data = await csv(fileWith(t, `${header}\n${numbers.join(',')}\n${numbers.join(',')}\n`));
  t.deepEqual(data.inputShape, [width]);
  t.deepEqual([...data.at(1).input], numbers);
  const long = 'y'.repeat(3_000_000);
  t.deepEqual(rowsOf(await csv(fileWith(t, `a,b\n1,${long}\n2,"${long}\n"\n`), { columns: ['a'] })), [
    [1],
    [2],
  ]);
  const path = fileWith(t, `a,b\n1,2\n3,"${'z'.repeat(2 ** 24 + 1)}"\n`);
  await checkError(t, 'FILE_FORMAT', [
    () => csv(path),
    `${path}: line 3: the record that begins here exceeds 16777216 bytes; is a quote not closed?`,
  ]);
});

test('json and ndjson: as tools write them', async (t) => {
  const pretty = '[\r\n\t{\r\n\t\t"a": 1,\r\n\t\t"b": null\r\n\t},\r\n\t{ "b": 2.50, "a": -0 }\r\n]\r\n\r\n';
  t.deepEqual(rowsOf(await json(fileWith(t, pretty), { missing: 'zero' })), [
    [1, 0],
    [0, 2.5],
  ]);
  const path = fileWith(t, '{"a":1},\n{"a":2}\n');
  await checkError(t, 'FILE_FORMAT', [
    () => ndjson(path),
    `${path}: line 1: character 8: expected nothing more behind the row; each row stands on a line of its own`,
  ]);
  const columnar = fileWith(t, '{"a":[1,2],"b":[3,4]}');
  await checkError(t, 'FILE_FORMAT', [
    () => json(columnar),
    `${columnar}: line 1: character 1: expected "[" at the start of an array of objects`,
  ]);
  const asLines = fileWith(t, '[{"a":1},\n{"a":2}]\n');
  await checkError(t, 'FILE_FORMAT', [
    () => ndjson(asLines),
    `${asLines}: line 1: character 1: expected "{" in a row, which is an object`,
  ]);
  const deep = fileWith(t, `{"a":1,"b":${'['.repeat(100_000)}${']'.repeat(100_000)}}\n`);
  t.deepEqual(rowsOf(await ndjson(deep, { columns: ['a'] })), [[1]]);
});

test('files are read as they come: a fault in the first lines of 4 GiB is found at once', async (t) => {
  const sparse = (start: string) => {
    const path = fileWith(t, start);
    truncateSync(path, 2 ** 32);
    return path;
  };
  const table = sparse('a,b\n1,2\n3\n');
  await checkError(t, 'FILE_FORMAT', [
    () => csv(table),
    `${table}: line 3: has 1 fields, but there are 2 ${COLUMNS}`,
  ]);
  const rows = sparse('{"a":1}\n{"a":}\n');
  await checkError(t, 'FILE_FORMAT', [
    () => ndjson(rows),
    `${rows}: line 2: character 6: expected a value of "a"`,
  ]);
  for (const read of [json(rows), npy({ inputs: rows })]) {
    await checkError(t, 'FILE_FORMAT', [
      () => read,
      `${rows}: has more than the 2 GiB that can be read at once; split it into several files`,
    ]);
  }
});
