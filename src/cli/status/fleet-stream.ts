import { formatOutput, type OutputOptions, print } from '../output.ts';
import { type EndingView, instant, problemNotes } from '../watch/views.ts';
import { type FleetChange, fleetChanges } from './fleet-changes.ts';
import { type FleetReport, sourceText } from './status-view.ts';

/** Of a watched fleet: first every cluster, then each change of one. */
export function fleetStream(options: OutputOptions): EndingView<FleetReport> {
  let before: FleetReport | undefined;
  const noteProblem = problemNotes();
  return {
    show: async (report, problem) => {
      noteProblem(problem ?? sourceText(report));
      for (const change of fleetChanges(before, report)) print(await formatChange(options, change));
      before = report;
    },
    end: () => undefined,
  };
}

/** A YAML document begins with `---`; JSON is a line. */
async function formatChange(options: OutputOptions, change: FleetChange): Promise<string> {
  const text = await formatOutput(options, change, changeLine);
  return options.output === 'yaml' ? `---\n${text}` : text;
}

function changeLine({ type, object }: FleetChange): string {
  const { cluster, state, reason, notAfter } = object;
  if (type === 'DELETED') return `${instant(new Date())}  ${cluster}  is not served any more`;
  const why = reason === undefined || reason === state ? [] : [reason];
  const until = notAfter === undefined ? [] : [`expires ${instant(new Date(notAfter))}`];
  return [instant(new Date()), cluster, state, ...why, ...until].join('  ');
}
