import { Command, InvalidArgumentError } from 'commander';
import type { DrillOptions } from '../campaign/run-drill.ts';
import { addCertificateSelectionOptions } from '../campaign/selection-options.ts';
import { examples } from '../examples.ts';
import { addOutputOptions } from '../kubectl-options.ts';
import { formatOutput, type OutputOptions, print } from '../output.ts';
import { commandLine } from '../program-name.ts';

const MAX_PER_MINUTE = 100_000;

/** `certman drill`: when the last certificate of a mass revocation would be replaced. */
export function drillCommand(): Command {
  const command = new Command('drill')
    .summary('compute when the last certificate of a mass revocation would be replaced')
    .description(
      'Computes, for a selection, when each certificate would be replaced if all were revoked now: by the rate that this installation has shown, and by the limit of the CA for each set of names. Orders and writes nothing; a campaign over few clusters rehearses it for real. Exits with 1 when certificates would be later than the deadline.',
    );
  addCertificateSelectionOptions(command);
  addOutputOptions(command);
  return command
    .option('--deadline <instant>', 'by when the last has to be replaced, an instant or from now on (default: 24h)')
    .option('--per-minute <n>', 'certificates a minute (default: as measured, at least 60)', perMinute)
    .addHelpText(
      'after',
      examples(commandLine('drill --all -A'), commandLine('drill --issuer R12 -A --deadline 24h -o json')),
    )
    .action(async (options: DrillOptions & OutputOptions) => {
      const { drillText, runDrill } = await import('../campaign/run-drill.ts');
      const drill = await runDrill(options);
      print(await formatOutput(options, drill, drillText));
      if (drill.late > 0) process.exitCode = 1;
    });
}

function perMinute(text: string): number {
  const count = /^\d{1,6}(\.\d{1,2})?$/.test(text) ? Number(text) : 0;
  if (count > 0 && count <= MAX_PER_MINUTE) return count;
  throw new InvalidArgumentError(`Expected a number above 0, up to ${MAX_PER_MINUTE}.`);
}
