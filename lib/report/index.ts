/**
 * Reports of runs as pages. A package export of its own: `import { writeReport } from 'gradloom/report'`. Needs
 * `npm install vega vega-lite@~6.4.3`.
 *
 * @module gradloom/report
 */
export { type ReportOptions, writeReport } from './write-report.ts';
