import test from 'ava';
import { GradloomError } from '../../lib/core/errors.ts';
import { readCsv } from '../../lib/datasets/index.ts';
import { wrongly } from '../api/errors.ts';
import { fileWith } from './files.ts';

const RATINGS =
  'user,"film, title",rating\r\n001,"Alien, ""the first""", 4.5 \r\n\r\nNA,"Two\nlines",\r\n1e3,Heat,nan\r\n';

test('every field is a text as it stands, by the names of columns', async (t) => {
  const file = fileWith(t, RATINGS);
  t.deepEqual(await readCsv(file), [
    { user: '001', 'film, title': 'Alien, "the first"', rating: '4.5' },
    { user: 'NA', 'film, title': 'Two\nlines', rating: '' },
    { user: '1e3', 'film, title': 'Heat', rating: 'nan' },
  ]);
  t.deepEqual(await readCsv(file, { columns: ['rating', 'user'] }), [
    { rating: '4.5', user: '001' },
    { rating: '', user: 'NA' },
    { rating: 'nan', user: '1e3' },
  ]);
});

test('other delimiters and quotes, no header, names that objects have', async (t) => {
  t.deepEqual(await readCsv(fileWith(t, 'a\tb\n"x\t3\n'), { delimiter: '\t', quote: 'none' }), [
    { a: '"x', b: '3' },
  ]);
  const columns = ['user', '__proto__'];
  const [row] = await readCsv(fileWith(t, '1::7::5\n'), {
    delimiter: '::',
    header: [...columns, 'rating'],
    columns,
  });
  t.deepEqual(Object.entries(row ?? {}), [
    ['user', '1'],
    ['__proto__', '7'],
  ]);
  t.deepEqual(await readCsv(fileWith(t, '1,2\n3,4\n'), { header: 'none', columns: ['column 2'] }), [
    { 'column 2': '2' },
    { 'column 2': '4' },
  ]);
});

test('errors name the file, the line, the column and what to do', async (t) => {
  const file = fileWith(t, 'userId;movieId\n1;2\n');
  const cases = [
    [
      file,
      { columns: ['userId'] },
      'INVALID_OPTION',
      /^readCsv: columns names "userId", but .*; is the delimiter ";"\?$/,
    ],
    [
      file,
      { columns: ['userid'], delimiter: ';' },
      'INVALID_OPTION',
      /no such column; did you mean "userId"\?$/,
    ],
    [file, { target: 'userId' }, 'INVALID_OPTION', /^readCsv: unknown option "target"/],
    [fileWith(t, 'a,b\n1\n'), {}, 'FILE_FORMAT', /line 2: has 1 fields, but there are 2 columns/],
    [fileWith(t, 'a,b\n'), {}, 'FILE_FORMAT', /has no line of data$/],
    [`${file}.not`, {}, 'FILE_NOT_FOUND', /\.not/],
    ['', {}, 'INVALID_OPTION', /^readCsv: path must be/],
  ] as const;
  for (const [path, options, code, message] of cases) {
    await t.throwsAsync(readCsv(path, wrongly(options)), { instanceOf: GradloomError, code, message });
  }
});
