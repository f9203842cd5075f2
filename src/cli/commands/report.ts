import { Command, Option } from 'commander';
import { counted } from '../../failures/counted.ts';
import { parseNamespace } from '../arguments.ts';
import { examples } from '../examples.ts';
import { addSelectionOptions, type SelectionOptions } from '../kubectl-options.ts';
import { note } from '../output.ts';
import { commandLine } from '../program-name.ts';

interface ReportOptions extends SelectionOptions {
  readonly output: 'html' | 'json' | 'csv';
  readonly file?: string;
  readonly from?: string;
  readonly to?: string;
}

/** `certman report`: the fleet for people and auditors. */
export function reportCommand(): Command {
  const command = new Command('report')
    .summary('write a page about the fleet: expiries, renewals, failures, orders, budgets')
    .description(
      'Writes one HTML page that loads nothing, or the same as JSON, or its clusters as CSV: expiries and renewals, what fails and why, the certificates that were issued and revoked in a period, and the budgets of the CAs.\n' +
        'Reads Temporal, which keeps orders for the retention of its namespace; labels (-l) are read from the API server.',
    );
  addSelectionOptions(command);
  return command
    .addOption(new Option('-o, --output <format>', 'format').choices(['html', 'json', 'csv']).default('html'))
    .option('-f, --file <path>', 'file to write, once all is read (default: standard output)')
    .option('--from <day>', 'first day of the period, or an instant (default: 30 days before its end)')
    .option('--to <day>', 'end of the period, not included (default: now)')
    .addHelpText(
      'after',
      examples(
        commandLine('report -f fleet.html'),
        commandLine('report -l team=payments -o csv -f payments.csv'),
        commandLine('report --from 2026-10-01 --to 2026-11-01 -o json'),
      ),
    )
    .action(async (options: ReportOptions) => {
      const { namespace, allNamespaces, selector, file, output } = options;
      const { parsePeriod } = await import('../report/period.ts');
      const period = parsePeriod(options.from, options.to);
      const isNamespaced = namespace !== undefined && allNamespaces !== true;
      const selection = { namespace: isNamespaced ? parseNamespace(namespace) : undefined, selector };
      const [{ ReportFile }, { readReport }, { fleetReport }, { writeReport }] = await Promise.all([
        import('../report/report-file.ts'),
        import('../report/read-report.ts'),
        import('../report/fleet-report.ts'),
        import('../report/write-report.ts'),
      ]);
      const checked = file === undefined ? undefined : await ReportFile.check(file);
      const report = fleetReport(await readReport(selection, period, options));
      await writeReport(report, output, checked);
      if (file !== undefined)
        note(`${file}: ${counted(report.clusters.length, 'cluster')}, ${counted(report.issued, 'certificate')} issued`);
    });
}
