import { csvReport } from './csv-report.ts';
import type { FleetReport } from './fleet-report.ts';
import { htmlReport } from './html-report.ts';
import type { ReportFile } from './report-file.ts';

const FORMATS = {
  html: htmlReport,
  json: (report: FleetReport) => JSON.stringify(report),
  csv: csvReport,
} as const;

/** Writes the report to a file, else to standard output. @throws as {@link ReportFile.write}. */
export async function writeReport(
  report: FleetReport,
  format: keyof typeof FORMATS,
  file: ReportFile | undefined,
): Promise<void> {
  const text = `${FORMATS[format](report).trimEnd()}\n`;
  if (file === undefined) process.stdout.write(text);
  else await file.write(text);
}
