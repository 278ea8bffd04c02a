/** The command line: its commands, options and help. */
import { Command, Option } from 'commander';
import { info } from '../native/info.ts';
import * as optimizers from '../optimizers/index.ts';
import {
  delimiter,
  imageSize,
  integerFrom,
  integers,
  nameList,
  positiveNumber,
  setting,
  share,
  unitList,
  zeroOrOne,
} from './arguments.ts';
import { type BenchCommand, bench } from './commands/bench.ts';
import { type EvaluateCommand, evaluate } from './commands/evaluate.ts';
import { inspect } from './commands/inspect.ts';
import { type PredictCommand, predict } from './commands/predict.ts';
import { type SystemsCommand, systems } from './commands/systems.ts';
import { type TrainCommand, train } from './commands/train.ts';
import { SET_NAMES } from './data/training-data.ts';
import { EXIT, EXIT_HELP } from './exit-codes.ts';
import { makeOutput, type Output } from './output.ts';
import { packageVersion } from './package.ts';
import { PRESETS } from './presets.ts';
import { mergeCommands, readTrainSpec } from './train-spec.ts';

const TRAIN_HELP = `
The data is one of
  a file of rows       .csv, .tsv (any delimiter), .json (an array of objects), .ndjson
  sparse rows          of LIBSVM, .svm or any ending: label feature:value ... (the label is the target)
  a folder of pictures one folder for each class: pets/cat/1.jpg, pets/dog/7.png (needs: npm install sharp)
  a set by its name    ${SET_NAMES.join(', ')}
  a spec               .json with data, model and trainer, as below; options on the command line count more

A target of texts, or of few whole numbers, is a class; other numbers are predicted as amounts. What was
found is said, and --task decides otherwise. Missing numbers become the column's mean, missing texts a category of
their own. Columns that tell rows apart are left out: texts that are nearly all different, ids.

The presets
  linear         a weight for each number and category
  mlp            two hidden layers; the preset of rows
  wide-and-deep  linear and a network that learns a vector for each category: for columns of many categories
  cnn            three convolutions with pooling and a hidden layer; the preset of pictures

Examples:
  $ gradloom train iris
  $ gradloom train houses.csv --target price
  $ gradloom train titanic.csv --target Survived --categories Pclass --model wide-and-deep
  $ gradloom train pets --size 64x64 --epochs 30 --out pets.safetensors
  $ gradloom train clicks.ndjson --target clicked --optimizer sgd --learning-rate 0.05 --set momentum=0.9
  $ gradloom train spec.json --epochs 50

A spec has the options of this page under the names of the API; its paths count from its own folder, and only data is needed:
  {
    "data": { "path": "houses.csv", "target": "price", "validation": 0.25, "ignore": ["id"] },
    "model": { "layers": [{ "kind": "dense", "units": 32, "activation": "relu" }, { "kind": "dense", "units": 1 }] },
    "trainer": { "optimizer": { "kind": "adam", "learningRate": 0.01 }, "loss": "huber", "epochs": 80, "seed": 1 },
    "out": "houses.safetensors",
    "report": "run.html"
  }
  data     a path or a name alone, or path, target, task, ignore, keep, categories, missing, delimiter,
           header ("row" | "none"), firstFeature, size, channels, validation
  model    a preset alone, or preset and units, or layers (in the API's words; the last one gives the classes or 1)
  trainer  optimizer (a name, or kind and its options), wideOptimizer (the same), loss, epochs, batchSize, patience, weights, seed, threads`;

const PREDICT_HELP = `
Prints CSV (or with --json a JSON object a line), one line for each row or picture, in their order. The file needs the
columns that the model was trained on, by their names; others are left aside.

Examples:
  $ gradloom predict model.safetensors new.csv
  $ gradloom predict model.safetensors new.csv --probabilities --out predictions.csv
  $ gradloom predict pets.safetensors photo.jpg`;

const SYSTEMS_HELP = `
For checkouts of the sources, where the examples are. Pictures go to out/examples.

   1 the rule of AdaGrad         6 texts, spam               11 reinforcement learning
   2 a list of tensors           7 convolutions on digits    12 word vectors
   3 rates of rare features      8 optimizers compared       13 what a run looks like inside
   4 iris                        9 a target that jumps       14 the optimizers of further reading
   5 sparse clicks              10 CIFAR-10 (needs its files)

Examples:
  $ gradloom systems 4 11
  $ gradloom systems --short --json`;

export function makeProgram(end: (code: number) => void): Command {
  const program = new Command('gradloom')
    .description('Trains neural networks on tables and pictures, and predicts with them.')
    .version(packageVersion(), '-v, --version')
    .configureHelp({ sortSubcommands: false, showGlobalOptions: false })
    .showHelpAfterError('(gradloom --help and gradloom <command> --help say what there is)')
    .addHelpText(
      'after',
      `\nA first try:\n  $ gradloom train iris\n  $ gradloom inspect model.safetensors\n\n${EXIT_HELP}`,
    )
    .exitOverride();

  const act = async (
    options: { readonly json?: boolean },
    work: (output: Output) => Promise<number> | number,
  ) => end(await work(makeOutput(options.json === true ? 'json' : 'text')));

  addTableOptions(
    command(program, 'train', 'learn from data and save a model')
      .argument('<data>', 'a file of rows, a folder of pictures, the name of a set, or a spec')
      .option('-t, --target <column>', 'the column to predict (files of rows)')
      .addOption(
        new Option('--task <task>', 'what the target is')
          .choices(['auto', 'classification', 'regression'])
          .default('auto'),
      )
      .option('--ignore <columns>', 'columns to leave out, separated by commas; repeatable', nameList)
      .option('--keep <columns>', 'columns to use although they tell rows apart: ids, texts', nameList)
      .option('--categories <columns>', 'columns of numbers that are names, such as zip codes', nameList)
      .addOption(
        new Option(
          '--missing <way>',
          'fill missing values, leave out rows without a target and broken pictures; or refuse them',
        )
          .choices(['auto', 'error'])
          .default('auto'),
      ),
  )
    .addOption(
      new Option('--size <height>x<width>', 'pictures are resized to this')
        .argParser(imageSize)
        .default([32, 32], '32x32'),
    )
    .addOption(new Option('--channels <n>', 'pictures in colour or grey').choices(['3', '1']).default('3'))
    .option('--validation <share>', 'of the rows, held back to measure by', share, 0.2)
    .addOption(new Option('-m, --model <preset>', 'default: mlp for rows, cnn for pictures').choices(PRESETS))
    .option('--units <list>', 'of the hidden layers; default: 64,32, and 64 for cnn', unitList)
    .option('--optimizer <name>', Object.keys(optimizers).join(', '), 'adagrad')
    .option(
      '--learning-rate <rate>',
      "default: the preset's for adagrad, else the optimizer's",
      positiveNumber,
    )
    .option('--set <name=value>', 'another option of the optimizer; repeatable', setting)
    .option('--wide-optimizer <name>', 'of the linear part of wide-and-deep; default: the same', undefined)
    .option('--wide-set <name=value>', 'an option of that one; repeatable', setting)
    .option('-e, --epochs <n>', 'at most; default: 100 for rows, 20 for pictures', integerFrom(1))
    .option('--batch-size <n>', 'samples a step', integerFrom(1), 32)
    .option(
      '--patience <n>',
      'end after so many epochs without a lower validation loss; 0: never',
      integerFrom(0),
      20,
    )
    .addOption(new Option('--weights <epoch>', 'which are saved').choices(['best', 'last']).default('best'))
    .option('--seed <n>', 'the same seed gives the same model', integerFrom(0), 0)
    .addOption(threadsOption())
    .option('-o, --out <file>', 'where the model is saved', 'model.safetensors')
    .option('--report <file>', 'a page about the run: run.html (needs: npm install vega vega-lite@~6.4.3)')
    .addHelpText('after', TRAIN_HELP)
    .action((data: string, options: TrainCommand & Json, command: Command) =>
      act(options, async (output) => {
        const spec = await readTrainSpec(data);
        if (spec === undefined) return train(data, options, output);
        const isTyped = (name: string) => command.getOptionValueSource(name) === 'cli';
        return train(spec.data, mergeCommands(options, spec, isTyped), output);
      }),
    );

  addTableOptions(
    command(program, 'predict', 'what a model says of new rows or pictures')
      .argument('<model>', 'a file that train wrote')
      .argument('<data>', 'a file of rows, a picture, or a folder of pictures'),
  )
    .option('-p, --probabilities', 'of each class')
    .option('-o, --out <file>', 'write there and not on the terminal')
    .addOption(threadsOption())
    .addHelpText('after', PREDICT_HELP)
    .action((model: string, data: string, options: PredictCommand & Json) =>
      act(options, (output) => predict(model, data, options, output)),
    );

  addTableOptions(
    command(program, 'evaluate', 'how good a model is on labelled data')
      .argument('<model>', 'a file that train wrote')
      .argument('<data>', 'a file of rows with the target, or a folder of pictures by class'),
  )
    .addOption(threadsOption())
    .action((model: string, data: string, options: EvaluateCommand & Json) =>
      act(options, (output) => evaluate(model, data, options, output)),
    );

  command(program, 'inspect', 'what a file of a model holds: layers, columns, classes, preprocessing')
    .argument('<model>', 'a model or a checkpoint')
    .action((model: string, options: Json) => act(options, (output) => inspect(model, output)));

  command(program, 'systems', 'run the examples of the slides, and compare with what they are to reach')
    .argument('[n...]', 'which of 1 to 14; default: all, which takes minutes', integers)
    .option('--short', 'the short form that the tests run')
    .option('--seed <n>', 'other random numbers; what is to be reached stays', integerFrom(0), 0)
    .addHelpText('after', SYSTEMS_HELP)
    .action((numbers: readonly number[], options: SystemsCommand & Json) =>
      act(options, (output) => systems(numbers, options, output)),
    );

  command(program, 'bench', 'how fast this machine trains')
    .addOption(threadsOption())
    .option('--seconds <n>', 'for each network', positiveNumber, 2)
    .action((options: BenchCommand & Json) => act(options, (output) => bench(options, output)));

  command(program, 'info', 'what is installed: versions, threads, instructions').action((options: Json) =>
    act(options, sayInfo),
  );
  return program;
}

interface Json {
  readonly json?: boolean;
}

function command(program: Command, name: string, description: string): Command {
  return program.command(name).description(description).option('--json', 'for programs: the result as JSON');
}

function threadsOption(): Option {
  return new Option('--threads <n>', 'that compute')
    .argParser(integerFrom(0))
    .default(0, 'all that the machine gives');
}

function addTableOptions(command: Command): Command {
  return command
    .option('--delimiter <character>', 'between fields, or tab; default: found in the file', delimiter)
    .option('--no-header', 'the first line is data; columns are called "column 1", ...')
    .option(
      '--first-feature <n>',
      'what features of LIBSVM files count from, 1 or 0; default: as in training, where it is found',
      zeroOrOne,
    );
}

function sayInfo(output: Output): number {
  const { version: _, allocatedBytes: __, liveThreads: ___, ...native } = info();
  const facts = {
    version: packageVersion(),
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    ...native,
  };
  for (const [name, value] of Object.entries(facts)) output.tell(HEADINGS[name] ?? name, `${value}`);
  output.give(facts);
  return EXIT.done;
}

const HEADINGS: Readonly<Record<string, string>> = {
  version: 'gradloom',
  simdTarget: 'SIMD',
  blas: 'BLAS',
  defaultThreads: 'threads',
};
