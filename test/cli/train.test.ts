/** From a file to a model, its figures and its predictions, through processes. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { loadModel } from '../../lib/index.ts';
import { fixture, gradloom, makeFolder } from './command.ts';

test('amounts: found in the data, said, trained, evaluated and predicted in their own unit', async (t) => {
  const folder = await makeFolder(t);
  // With a byte order mark, CRLF, semicolons, decimal commas, missing values and a column of names.
  const houses = fixture('houses.csv');
  const trained = await gradloom(
    folder,
    'train',
    houses,
    '--target',
    'price',
    '--ignore',
    'id',
    '--threads',
    '2',
  );
  t.is(trained.code, 0, trained.stderr);
  for (const said of [
    /80 rows, CSV with semicolons, decimal commas/,
    /area, rooms and city \(3 categories\)/,
    /name is left out: 80 different texts in 80 rows/,
    /area: 4 missing values filled with its mean/,
    /city: 4 missing values taken for a category of their own/,
    /price: numbers of \d+ different values: regression/,
    /64 rows to train, 16 rows to validate/,
    /root mean squared error .* always naming the mean/,
    /saved {6}model\.safetensors/,
  ]) {
    t.regex(trained.stdout, said);
  }
  const evaluated = await gradloom(folder, 'evaluate', 'model.safetensors', houses, '--json');
  const { r2, count } = JSON.parse(evaluated.stdout) as { r2: number; count: number };
  t.is(count, 80);
  t.true(r2 > 0.8, `R2 ${r2}`);
  const predicted = await gradloom(folder, 'predict', 'model.safetensors', houses);
  const [head, ...rows] = predicted.stdout.trimEnd().split('\n');
  t.is(head, 'prediction');
  t.is(rows.length, 80);
  t.true(rows.every((row) => Number(row) > 50_000 && Number(row) < 600_000));
});

test('classes: the report for programs, and the same seed gives the same file', async (t) => {
  const folder = await makeFolder(t);
  const args = [
    'train',
    fixture('visits.csv'),
    '--target',
    'bought',
    '--json',
    '--seed',
    '3',
    '--threads',
    '2',
  ];
  const first = await gradloom(folder, ...args, '--out', 'a.safetensors');
  t.is(first.code, 0, first.stderr);
  t.is(first.stderr, '');
  const report = JSON.parse(first.stdout);
  t.is(report.task, 'classification');
  t.deepEqual(report.classNames, ['no', 'yes']);
  t.deepEqual(report.rows, { training: 96, validation: 24 });
  t.true(report.accuracy > report.baselineAccuracy);
  t.is(
    report.confusionMatrix.flat().reduce((sum: number, n: number) => sum + n, 0),
    24,
  );
  const second = await gradloom(folder, ...args, '--out', 'b.safetensors');
  t.is(JSON.parse(second.stdout).loss, report.loss);
  t.deepEqual(await readFile(join(folder, 'a.safetensors')), await readFile(join(folder, 'b.safetensors')));

  // Rows that the training data did not have: an unknown device, a missing number, columns in another order and more.
  await writeFile(
    join(folder, 'new.csv'),
    'returning,minutes,device,other\nyes,29,desktop,1\nno,0.5,phone,2\nyes,,watch,3\n',
  );
  const predicted = await gradloom(
    folder,
    'predict',
    'a.safetensors',
    'new.csv',
    '--probabilities',
    '--json',
  );
  t.is(predicted.code, 0, predicted.stderr);
  const rows = predicted.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  t.deepEqual(
    rows.slice(0, 2).map(({ prediction }) => prediction),
    ['yes', 'no'],
  );
  for (const row of rows) t.true(Math.abs(row['p(no)'] + row['p(yes)'] - 1) < 1e-5);
  const written = await gradloom(folder, 'predict', 'a.safetensors', 'new.csv', '--out', 'p.csv');
  t.is(written.stdout, 'wrote 3 predictions to p.csv\n');
  t.regex(await readFile(join(folder, 'p.csv'), 'utf8'), /^prediction,probability\nyes,0\.\d+\nno,/);
});

test('NDJSON, a linear model, another optimizer with options, and inspect', async (t) => {
  const folder = await makeFolder(t);
  const rows = Array.from({ length: 60 }, (_, i) => ({ x: i % 7, kind: i % 2 === 0 ? 'a' : 'b', y: i % 2 }));
  await writeFile(join(folder, 'rows.ndjson'), rows.map((row) => JSON.stringify(row)).join('\n'));
  const options = [
    '--model',
    'linear',
    '--optimizer',
    'sgd',
    '--learning-rate',
    '0.1',
    '--set',
    'momentum=0.9',
  ];
  const trained = await gradloom(
    folder,
    'train',
    'rows.ndjson',
    '--target',
    'y',
    ...options,
    '--epochs',
    '30',
  );
  t.is(trained.code, 0, trained.stderr);
  t.regex(
    trained.stdout,
    /y: whole numbers of 2 classes: classification \(--task regression if they are amounts\)/,
  );
  t.regex(trained.stdout, /linear, 3 -> 2; 8 parameters/);
  t.regex(trained.stdout, /accuracy 1\.0000/);
  const inspected = await gradloom(folder, 'inspect', 'model.safetensors', '--json');
  const facts = JSON.parse(inspected.stdout);
  t.deepEqual(facts.classNames, ['0', '1']);
  t.deepEqual(
    facts.table.inputs.map(({ name }: { name: string }) => name),
    ['x', 'kind'],
  );
  t.regex(
    (await gradloom(folder, 'inspect', 'model.safetensors')).stdout,
    /x, kind \(2 categories\)[\s\S]*softmaxCrossEntropy/,
  );
});

test('a set by its name, pictures, and what guessing would reach', async (t) => {
  const folder = await makeFolder(t);
  const trained = await gradloom(
    folder,
    'train',
    'digits',
    '--epochs',
    '2',
    '--json',
    '--out',
    'd.safetensors',
    '--report',
    'run.html',
  );
  const report = JSON.parse(trained.stdout);
  t.is(report.preset, 'cnn');
  t.regex(await readFile(join(folder, 'run.html'), 'utf8'), /<h1>gradloom train digits<\/h1>/);
  t.true(report.accuracy > 0.9 && report.baselineAccuracy < 0.2);
  t.regex(
    (await gradloom(folder, 'evaluate', 'd.safetensors', 'digits')).stdout,
    /accuracy 0\.9\d+ on the pictures/,
  );
});

test('sparse rows of LIBSVM: trained without their zeros, evaluated, predicted', async (t) => {
  const folder = await makeFolder(t);
  const lines = (from: number) =>
    Array.from({ length: 200 }, (_, i) => {
      const place = from + i;
      const [common, telling] = [
        1 + (place % 5),
        (place * 7) % 2 === 0 ? 100 + (place % 20) : 200 + (place % 20),
      ];
      return `${telling < 200 ? '+1' : '-1'} ${common}:1 ${telling}:0.5`;
    }).join('\n');
  await writeFile(join(folder, 'train.libsvm'), lines(0));
  await writeFile(join(folder, 'test.libsvm'), lines(1000));
  const trained = await gradloom(folder, 'train', 'train.libsvm', '--model', 'linear', '--epochs', '20');
  t.is(trained.code, 0, trained.stderr);
  t.regex(trained.stdout, /200 rows of shape \[219\], features from 1$/m);
  t.regex(trained.stdout, /2 classes: classification; -1 100 and 1 100/);
  const inspected = await gradloom(folder, 'inspect', 'model.safetensors');
  t.regex(inspected.stdout, /sparseDense/);
  const evaluated = await gradloom(folder, 'evaluate', 'model.safetensors', 'test.libsvm', '--json');
  t.is(JSON.parse(evaluated.stdout).accuracy, 1);
  const predicted = await gradloom(folder, 'predict', 'model.safetensors', 'test.libsvm');
  t.regex(predicted.stdout, /^prediction,probability\n1,0\.\d+\n-1,/);
  const target = await gradloom(folder, 'train', 'train.libsvm', '--target', 'y');
  t.is(target.code, 2);
});

test('a model remembers what features of its LIBSVM file count from, and the classes', async (t) => {
  const folder = await makeFolder(t);
  // Feature 0 tells, and of the test file's rows none is of class 1; feature 9 is new.
  const lines = (labels: readonly number[]) =>
    Array.from({ length: 60 }, (_, i) => {
      const label = labels[i % labels.length] as number;
      return `${label} ${label === 2 ? '0:1 ' : label === 1 ? '1:1 ' : ''}${2 + (i % 5)}:1`;
    });
  await writeFile(join(folder, 'train.svm'), lines([0, 1, 2]).join('\n'));
  await writeFile(
    join(folder, 'test.svm'),
    lines([0, 2])
      .map((line) => `${line} 9:3`)
      .join('\n'),
  );
  const trained = await gradloom(folder, 'train', 'train.svm', '--model', 'linear');
  t.regex(trained.stdout, /60 rows of shape \[7\], features from 0$/m, trained.stderr);
  const evaluated = await gradloom(folder, 'evaluate', 'model.safetensors', 'test.svm', '--json');
  t.deepEqual(JSON.parse(evaluated.stdout).confusionMatrix, [
    [30, 0, 0],
    [0, 0, 0],
    [0, 0, 30],
  ]);
  t.regex(
    evaluated.stderr,
    /^gradloom: libsvm: "test\.svm": left out 60 of 150 values, of features beyond the 7/,
  );
  const predicted = await gradloom(folder, 'predict', 'model.safetensors', 'test.svm');
  t.regex(predicted.stdout, /^prediction,probability\n0,0\.\d+\n2,/);
  const inspected = await gradloom(folder, 'inspect', 'model.safetensors');
  t.regex(inspected.stdout, /samples of \[7\], of LIBSVM's files with features from 0$/m);
  const other = await gradloom(folder, 'predict', 'model.safetensors', 'test.svm', '--first-feature', '1');
  t.is(other.code, 2);
  t.regex(
    other.stderr,
    /counted from 0 in the file that the model was trained on; leave --first-feature 1 out/,
  );
});

test('rows without a target are left out, and said', async (t) => {
  const folder = await makeFolder(t);
  const row = (i: number) => `${i % 2},${i % 10 === 3 ? '' : i % 2 === 0 ? 'even' : 'odd'}`;
  const rows = Array.from({ length: 60 }, (_, i) => row(i));
  await writeFile(join(folder, 'rows.csv'), ['x,y', ...rows].join('\n'));
  const trained = await gradloom(folder, 'train', 'rows.csv', '--target', 'y', '--epochs', '30');
  t.is(trained.code, 0, trained.stderr);
  t.regex(trained.stdout, /54 rows, CSV/);
  t.regex(
    trained.stdout,
    /even 30 and odd 24\n {11}6 rows without a target are left out, the first in line 5$/m,
  );
  const evaluated = await gradloom(folder, 'evaluate', 'model.safetensors', 'rows.csv');
  t.regex(evaluated.stdout, /54 rows\n {11}6 rows without a target are left out, the first in line 5\n/);
  t.regex(evaluated.stdout, /54 of 54 right/);
  const predicted = await gradloom(folder, 'predict', 'model.safetensors', 'rows.csv');
  t.is(predicted.stdout.split('\n').length, 62);
});

test('columns that cannot be used as they are: why, and what to do', async (t) => {
  const folder = await makeFolder(t);
  const rows = Array.from({ length: 60 }, (_, i) => {
    const day = `2024-${1 + (i % 12)}-${1 + Math.floor(i / 12)}`;
    const price = i === 9 ? '$9' : `${i / 4}`;
    const grade = i === 30 ? 'none yet' : `${i % 4}`;
    return `"Doe, ${i}",${day},${price},${grade},${i % 7 === 3 ? '?' : i},${i % 2 === 0 ? 'yes' : 'no'}`;
  });
  await writeFile(join(folder, 'rows.csv'), ['name,day,price,grade,age,y', ...rows].join('\n'));
  const { code, stdout, stderr } = await gradloom(
    folder,
    'train',
    'rows.csv',
    '--target',
    'y',
    '--epochs',
    '1',
  );
  t.is(code, 0, stderr);
  for (const said of [
    /grade \(5 categories\) and age$/m,
    /name is left out: 60 different texts in 60 rows, such as "Doe, 0" \(--keep name takes it as categories\)/,
    /day is left out: 60 different texts in 60 rows, dates such as "2024-1-1"; .*make columns of numbers of them/,
    /price is left out: 60 different texts in 60 rows, since "\$9" in line 11 is no number as the others are/,
    /grade is taken for categories, since "none yet" in line 32 is no number as most others are/,
    /age: 9 missing values filled with its mean/,
  ]) {
    t.regex(stdout, said);
  }
  await writeFile(
    join(folder, 'days.csv'),
    rows.map((row) => row.split(',').slice(2, 4).join(',')).join('\n'),
  );
  const days = await gradloom(folder, 'train', 'days.csv', '--no-header', '--target', 'column 2');
  t.is(days.code, 3);
  t.regex(days.stderr, /no column is left for the inputs; column 1 is left out: 60 different texts/);
  const spaced = Array.from({ length: 30 }, (_, i) => `${i} ${i * 2} ${i % 2}`);
  await writeFile(join(folder, 'spaced.txt'), ['a b y', ...spaced].join('\n'));
  const spaces = await gradloom(folder, 'train', 'spaced.txt', '--target', 'y', '--epochs', '1');
  t.regex(spaces.stdout, /30 rows, CSV with spaces\ninputs {5}a and b/);
});

/** Whether somebody pays depends on town and plan, of which there are many, and on how old they are. */
function customers(from: number, count: number): string {
  const lines = Array.from({ length: count }, (_, i) => {
    const place = from + i;
    const [town, plan, age] = [(place * 7) % 23, (place * 5) % 3, 20 + ((place * 13) % 50)];
    const score = ((town * 11) % 23) - 11 + 4 * (plan - 1) + (age - 45) / 5;
    return `${i % 10 === 4 ? '' : age},Town ${town},${i % 17 === 3 ? '' : `plan ${plan}`},${score > 0 ? 'yes' : 'no'},${1000 + 80 * score}`;
  });
  return ['age,home town,plan,pays,amount', ...lines].join('\n');
}

test('wide and deep: on columns, evaluated, predicted and inspected as saved, for classes and amounts', async (t) => {
  const folder = await makeFolder(t);
  await writeFile(join(folder, 'train.csv'), customers(0, 400));
  await writeFile(join(folder, 'test.csv'), customers(400, 100));
  const options = ['--model', 'wide-and-deep', '--threads', '2', '--epochs', '60', '--report', 'run.html'];
  const train = (target: string, ignore: string, ...more: string[]) =>
    gradloom(folder, 'train', 'train.csv', '--target', target, '--ignore', ignore, ...options, ...more);
  const classes = await train('pays', 'amount');
  t.is(classes.code, 0, classes.stderr);
  t.regex(
    classes.stdout,
    /wide-and-deep, linear on all columns \+ network \(2 x 8 for categories -> 64 -> 32 -> 2\)/,
  );
  t.regex(await readFile(join(folder, 'run.html'), 'utf8'), /As the model sees the input home_town/);
  const judged = await gradloom(folder, 'evaluate', 'model.safetensors', 'test.csv', '--json');
  t.true(JSON.parse(judged.stdout).accuracy > 0.85, judged.stdout);
  const inspected = await gradloom(folder, 'inspect', 'model.safetensors');
  t.regex(
    inspected.stdout,
    /takes {6}age, home town \(24 categories\), plan \(4 categories\)\ngives {6}2 classes: no, yes/,
  );
  await writeFile(
    join(folder, 'new.csv'),
    'plan,home town,age\nplan 2,Town 2,60\n,Atlantis,\nplan 0,Town 21,20\n',
  );
  const predicted = await gradloom(folder, 'predict', 'model.safetensors', 'new.csv', '--json');
  const rows = predicted.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  t.deepEqual([rows.length, rows[0].prediction, rows[2].prediction], [3, 'yes', 'no']);

  // What is measured behind the run is the saved model's, whose last layers took the scaling of amounts back.
  const amounts = await train('amount', 'pays', '--json', '--validation', '0');
  const report = JSON.parse(amounts.stdout);
  t.is(report.preset, 'wide-and-deep');
  t.true(report.r2 > 0.9, amounts.stdout);
  const again = JSON.parse(
    (await gradloom(folder, 'evaluate', 'model.safetensors', 'train.csv', '--json')).stdout,
  );
  t.is(again.loss, report.loss);
});

test('wide and deep: its linear part may have an optimizer of its own, typed or in a spec', async (t) => {
  const folder = await makeFolder(t);
  await writeFile(join(folder, 'train.csv'), customers(0, 200));
  const trainer = { epochs: 3, threads: 1, wideOptimizer: { kind: 'ftrl', l1: 1e6 } };
  const data = { path: 'train.csv', target: 'pays', ignore: ['amount'] };
  const spec = { data, model: 'wide-and-deep', trainer, out: 'spec.safetensors' };
  await writeFile(join(folder, 'spec.json'), JSON.stringify(spec));
  // So large a penalty leaves nothing of the linear part.
  const nothing = await gradloom(folder, 'train', 'spec.json');
  t.is(nothing.code, 0, nothing.stderr);
  t.regex(nothing.stdout, /adagrad at 0\.05, ftrl at [0-9.]+ for the linear part, batches of 32/);
  const typed = ['--wide-optimizer', 'sgd', '--wide-set', 'learningRate=0.5', '--out', 'typed.safetensors'];
  const some = await gradloom(folder, 'train', 'spec.json', '--json', ...typed);
  t.like(JSON.parse(some.stdout).wideOptimizer, { kind: 'sgd', learningRate: 0.5 });
  const [spare, full] = await Promise.all(
    ['spec', 'typed'].map(async (name) => {
      const weights = (await loadModel(join(folder, `${name}.safetensors`))).getWeights();
      const wide = Object.entries(weights).filter(([layer]) => layer.startsWith('wide_'));
      return wide.map(([, { data: values }]) => values.every((weight) => weight === 0));
    }),
  );
  t.deepEqual(
    [spare, full],
    [
      [true, true, true],
      [false, false, false],
    ],
  );
});

test('wide and deep: takes columns of more categories than a network of one input does', async (t) => {
  const folder = await makeFolder(t);
  const rows = Array.from({ length: 2400 }, (_, i) => `shop ${(i * 7) % 1100},${i % 2}`);
  await writeFile(join(folder, 'rows.csv'), ['shop,y', ...rows].join('\n'));
  const train = (...more: string[]) =>
    gradloom(folder, 'train', 'rows.csv', '--target', 'y', '--epochs', '1', ...more);
  const refused = await train();
  t.is(refused.code, 3);
  t.regex(
    refused.stderr,
    /shop is left out: 1,100 .* such as "shop 0" \(--model wide-and-deep takes it as categories\)/,
  );
  const taken = await train('--model', 'wide-and-deep');
  t.is(taken.code, 0, taken.stderr);
  t.regex(taken.stdout, /inputs {5}shop \(1,100 categories\)/);
});

test('wide and deep: what has no columns is refused', async (t) => {
  const folder = await makeFolder(t);
  for (const set of ['iris', 'digits']) {
    const { code, stderr } = await gradloom(folder, 'train', set, '--model', 'wide-and-deep');
    t.is(code, 2);
    t.regex(
      stderr,
      /--model wide-and-deep is for tables with columns, such as CSV; take mlp, or leave it out/,
    );
  }
});

test('ids are left out, codes and thousands are told; numbers that are names become categories', async (t) => {
  const folder = await makeFolder(t);
  const rows = Array.from({ length: 120 }, (_, i) => {
    const [zip, size] = [98001 + ((i * 7) % 4) * 100, 500 + ((i * 37) % 60) * 25];
    const price = 100_000 + size * 200 + ((i * 7) % 4) * 150_000;
    return `${70_000_000 + ((i * 41) % 120)},${i},${zip},"${size.toLocaleString('en-US')}",2024-0${1 + (i % 9)}-1${i % 7},"${price.toLocaleString('en-US')}"`;
  });
  await writeFile(join(folder, 'sold.csv'), ['houseId,order,zipcode,size,sold,price', ...rows].join('\n'));
  const train = (...more: string[]) =>
    gradloom(folder, 'train', 'sold.csv', '--target', 'price', '--epochs', '40', ...more);
  const plain = await train();
  t.is(plain.code, 0, plain.stderr);
  for (const said of [
    /CSV with commas, thousands by commas/,
    /inputs {5}order, zipcode and size$/m,
    /houseId is left out: another whole number in each of 120 rows, an id \(--keep houseId uses it\)/,
    /sold is left out: 63 different texts in 120 rows, dates such as "2024-01-10"/,
    /order counts the rows; --ignore order leaves it out/,
    /zipcode is taken for an amount; --categories zipcode takes its numbers for names/,
    /price: numbers of \d+ different values: regression/,
  ]) {
    t.regex(plain.stdout, said);
  }
  const chosen = ['--categories', 'zipcode', '--ignore', 'order,sold', '--keep', 'houseId'];
  const named = await train(...chosen);
  t.regex(named.stdout, /inputs {5}houseId, zipcode \(4 categories\) and size$/m);
  t.notRegex(named.stdout, /amount;|counts the rows|left out/);
  const report = JSON.parse((await train(...chosen, '--json')).stdout);
  t.true(report.r2 > 0.9, `R2 ${report.r2}`);
});

test('LIBSVM is told by its lines; rows that have nearly all features are scaled', async (t) => {
  const folder = await makeFolder(t);
  const lines = Array.from({ length: 120 }, (_, i) => {
    const [length, weight] = [1000 + ((i * 37) % 120), ((i * 17) % 60) / 1e4];
    return `${(length - 1060) / 60 + (weight - 0.003) / 0.003 > 0 ? 2 : 1} 0:${length} 1:${weight}`;
  });
  await writeFile(join(folder, 'rows.txt'), lines.join('\n'));
  const first = ['--first-feature', '0'];
  const trained = await gradloom(
    folder,
    'train',
    'rows.txt',
    '--model',
    'linear',
    '--epochs',
    '60',
    ...first,
  );
  t.is(trained.code, 0, trained.stderr);
  t.regex(
    trained.stdout,
    /120 rows of shape \[2\], features from 0; nearly all features are there, so that they are taken for numbers and scaled/,
  );
  const judged = await gradloom(folder, 'evaluate', 'model.safetensors', 'rows.txt', '--json', ...first);
  const { accuracy, confusionMatrix } = JSON.parse(judged.stdout);
  t.true(accuracy > 0.93, judged.stdout);
  const predicted = (await gradloom(folder, 'predict', 'model.safetensors', 'rows.txt', ...first)).stdout;
  const twos = predicted.split('\n').filter((line) => line.startsWith('2,')).length;
  t.is(twos, confusionMatrix[0][1] + confusionMatrix[1][1]);
});

test('categories that training had not are said', async (t) => {
  const folder = await makeFolder(t);
  const rows = Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? 'red,7,yes' : 'blue,8,no'));
  await writeFile(join(folder, 'rows.csv'), ['color,size,y', ...rows].join('\n'));
  await writeFile(join(folder, 'new.csv'), 'y,size,color\nyes,7,pink\nno,8,blue\nyes,7,\nno,9,gold\n');
  const trained = await gradloom(folder, 'train', 'rows.csv', '--target', 'y', '--epochs', '2');
  t.is(trained.code, 0, trained.stderr);
  const said =
    /^gradloom: new\.csv: color: 2 values that training had not are taken for missing, the first "pink" in line 2\n$/;
  for (const command of ['predict', 'evaluate']) {
    const { code, stderr } = await gradloom(folder, command, 'model.safetensors', 'new.csv');
    t.is(code, 0);
    t.regex(stderr, said, command);
  }
  const { code, stderr } = await gradloom(folder, 'evaluate', 'model.safetensors', 'iris');
  t.is(code, 3);
  t.regex(
    stderr,
    /iris: has samples of \[4\] and the classes setosa, .*; the model takes \[3\] and gives no and yes$/m,
  );
});
