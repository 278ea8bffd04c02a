/** What the types know of datasets that are read, and what does not compile. The compiler is the test: nothing of this runs. */
import { expectTypeOf } from 'expect-type';
import {
  adagrad,
  csv,
  type Dataset,
  type DatasetDescription,
  dense,
  fromRows,
  imageFolder,
  iris,
  json,
  type LabelKind,
  loadModel,
  ndjson,
  npy,
  readCsv,
  readImage,
  type Shape,
  sequential,
  type Table,
  Trainer,
} from '../../lib/index.ts';

type Features<Label extends LabelKind> = Dataset<[number], Label>;

export async function tables(path: string, name: string, names: string[]) {
  expectTypeOf(await csv(path)).toEqualTypeOf<Features<'none'>>();
  expectTypeOf(await json(path)).toEqualTypeOf<Features<'none'>>();
  expectTypeOf(await ndjson(path, { columns: ['a'], missing: { a: 'mean' } })).toEqualTypeOf<
    Features<'none'>
  >();
  expectTypeOf(await csv(path, { target: 'y' })).toEqualTypeOf<Features<'class'>>();
  expectTypeOf(await csv(path, { target: name })).toEqualTypeOf<Features<'class'>>();
  expectTypeOf(await csv(path, { target: ['y', 'z'] })).toEqualTypeOf<Features<'values'>>();
  expectTypeOf(await csv(path, { target: names })).toEqualTypeOf<Features<'values'>>();
  expectTypeOf(await csv(path, { target: 'y', labelKind: 'values' })).toEqualTypeOf<Features<'values'>>();
  expectTypeOf(await json(path, { target: 'y' })).toEqualTypeOf<Features<'class'>>();
  expectTypeOf(await ndjson(path, { target: 'y', labelKind: 'values' })).toEqualTypeOf<Features<'values'>>();

  const train = await csv(path, { target: 'y' });
  expectTypeOf(await csv(path, { like: train })).toEqualTypeOf<Features<'class'>>();
  expectTypeOf(await ndjson(path, { like: train })).toEqualTypeOf<Features<'class'>>();
  expectTypeOf(await fromRows([{ a: 1 }], { like: train })).toEqualTypeOf<Features<'class'>>();

  // @ts-expect-error an unknown policy
  csv(path, { missing: { a: 'median' } });
  // @ts-expect-error a misspelled option
  json(path, { colums: ['a'] });
  // @ts-expect-error an option of CSV
  ndjson(path, { delimiter: ';' });

  expectTypeOf(await readCsv(path)).toEqualTypeOf<Record<string, string>[]>();
  expectTypeOf(await readCsv(path, { columns: names })).toEqualTypeOf<Record<string, string>[]>();
  const columns = ['user', 'film'] as const;
  expectTypeOf(await readCsv(path, { columns })).toEqualTypeOf<Record<'user' | 'film', string>[]>();
  const [row] = await readCsv(path, { columns: ['user', 'film'], delimiter: ';' });
  expectTypeOf(row).toEqualTypeOf<Record<'user' | 'film', string> | undefined>();
  // @ts-expect-error a column that is not read
  row?.rating;
}

interface Person {
  age: number | null;
  city: string;
  joined: boolean;
}

export async function rows(people: Person[], records: Record<string, unknown>[]) {
  expectTypeOf(await fromRows(people)).toEqualTypeOf<Features<'none'>>();
  expectTypeOf(await fromRows(people, { target: 'city' })).toEqualTypeOf<Features<'class'>>();
  expectTypeOf(await fromRows(records, { target: ['age'] })).toEqualTypeOf<Features<'values'>>();
  // @ts-expect-error numbers are no rows
  fromRows([1, 2]);

  const data = await fromRows(people, { target: 'city' });
  const model = sequential({ inputShape: data.inputShape }, [dense({ units: 2 })]);
  new Trainer(model, { optimizer: adagrad(), loss: 'softmaxCrossEntropy' }).fit(data);
  await model.predict(people);
  await model.classify([{ age: 31, city: 'Oslo', joined: true }]);
  model.predictSync([[31, 'Oslo', true]]);
  model.predictSync([[31, 1, 0]]);
  model.predictSync(new Float32Array(3));
  // @ts-expect-error a row without an array around it
  model.predictSync('Oslo');
  expectTypeOf((await model.classify(people)).names).toEqualTypeOf<readonly string[] | undefined>();
  expectTypeOf((await loadModel('a')).table).toEqualTypeOf<Table | undefined>();
  expectTypeOf(model.classNames).toEqualTypeOf<readonly string[] | undefined>();
}

export async function like(path: string, table: Table) {
  expectTypeOf(await csv(path, { like: table, labelKind: 'class' })).toEqualTypeOf<Features<'class'>>();
  expectTypeOf(await csv(path, { like: table })).toEqualTypeOf<Features<LabelKind>>();
  expectTypeOf(await csv(path, { like: table, labelKind: 'none' })).toEqualTypeOf<Features<'none'>>();
}

export async function arrays(path: string) {
  expectTypeOf(await npy({ inputs: path })).toEqualTypeOf<Dataset<Shape, 'none'>>();
  expectTypeOf(await npy({ inputs: path, labels: path })).toEqualTypeOf<Dataset<Shape, 'class'>>();
  expectTypeOf(await npy({ inputs: path, labels: path, labelKind: 'values' })).toEqualTypeOf<
    Dataset<Shape, 'values'>
  >();
  // @ts-expect-error labels of no kind
  npy({ inputs: path, labelKind: 'none' });
}

export async function images(path: string, side: number) {
  expectTypeOf(await imageFolder(path, { size: [64, 48] })).toEqualTypeOf<Dataset<[64, 48, 3], 'class'>>();
  expectTypeOf(await imageFolder(path, { size: [64, 48], channels: 1, fit: 'cover' })).toEqualTypeOf<
    Dataset<[64, 48, 1], 'class'>
  >();
  expectTypeOf(await imageFolder(path, { size: [side, 2] })).toEqualTypeOf<
    Dataset<[number, 2, 3], 'class'>
  >();
  expectTypeOf(await readImage(path, { size: [2, 2] })).toEqualTypeOf<Uint8Array>();
  // @ts-expect-error no size
  imageFolder(path, {});
  // @ts-expect-error four channels
  imageFolder(path, { size: [2, 2], channels: 4 });
}

export async function transforms(any: Dataset) {
  const data = await iris();
  expectTypeOf(data.normalize({ mean: [1, 2, 3, 4], std: 2 })).toEqualTypeOf<Dataset<[4], 'class'>>();
  expectTypeOf(data.map(({ input }) => input)).toEqualTypeOf<Dataset<[4], 'class'>>();
  expectTypeOf(data.map(({ input }) => [...input.slice(0, 2)], { inputShape: [2] })).toEqualTypeOf<
    Dataset<[2], 'class'>
  >();
  data.map((sample, place) => {
    expectTypeOf(sample.label).toEqualTypeOf<number>();
    expectTypeOf(place).toEqualTypeOf<number>();
    return sample.input;
  });
  expectTypeOf(data.describe()).toEqualTypeOf<DatasetDescription>();
  expectTypeOf(data).toExtend<Dataset>();
  expectTypeOf(any.describe().classes[0]?.count).toEqualTypeOf<number | undefined>();
  // @ts-expect-error a text is no number
  data.map(() => ['a']);
  // @ts-expect-error an unknown norm
  data.normalize({ norm: 'l3' });
}
