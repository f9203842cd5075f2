import { writeFile } from 'node:fs/promises';
import { errorCodeOf } from '../../failures/error-code.ts';
import { UsageError } from '../arguments.ts';
import { csvReport } from './csv-report.ts';
import type { FleetReport } from './fleet-report.ts';
import { htmlReport } from './html-report.ts';

const FORMATS = {
  html: htmlReport,
  json: (report: FleetReport) => JSON.stringify(report),
  csv: csvReport,
} as const;

/** Writes the report to a file, else to standard output. @throws UsageError when the file cannot be written. */
export async function writeReport(
  report: FleetReport,
  format: keyof typeof FORMATS,
  file: string | undefined,
): Promise<void> {
  const text = `${FORMATS[format](report).trimEnd()}\n`;
  if (file === undefined) {
    process.stdout.write(text);
    return;
  }
  try {
    await writeFile(file, text);
  } catch (error) {
    throw new UsageError(`--file ${file.slice(0, 200)} cannot be written (${errorCodeOf(error) ?? 'unknown reason'})`);
  }
}
