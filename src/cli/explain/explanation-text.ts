import { oneLine } from '../../failures/printable.ts';
import { formatInstant } from '../output.ts';
import type { Action } from './commands.ts';
import type { CertificateExplanation, Explanation } from './explanation.ts';

const WIDTH = 7;

/** An explanation for people: a field a line, commands on lines of their own, ready to copy. */
export function formatExplanation(explanation: Explanation): string {
  const { cluster, kind, served, problem, actions, certificates, source, workflowId } = explanation;
  const from = source === 'temporal' ? `workflow ${workflowId}` : 'the resources of the management cluster';
  return [
    ...(problem === undefined ? [] : [oneLine(problem), '']),
    oneLine(`${cluster}${kind === undefined ? '' : `, a ${kind}`} (from ${from})`),
    `  ${oneLine(served)}`,
    ...actionLines(actions),
    ...certificates.flatMap((certificate) => ['', ...certificateLines(certificate)]),
  ].join('\n');
}

function certificateLines(certificate: CertificateExplanation): readonly string[] {
  const { bundle, state, where, reason, why, since, next, requests, served, actions, dnsNames } = certificate;
  const at = next.at === undefined ? '' : `, at ${formatInstant(next.at)}`;
  return [
    `  ${oneLine(`${bundle}: ${state}`)}`,
    line('where', where),
    line('why', reason === undefined ? why : `${reason}: ${why}`),
    ...(since === undefined ? [] : [line('since', formatInstant(since))]),
    line('next', `${next.what}${at}`),
    ...requests.map((request) => line('asked', request)),
    ...(served === undefined ? [] : [line('served', served)]),
    ...actionLines(actions),
    ...(dnsNames.length === 0 ? [] : [line('names', dnsNames.join(', '))]),
  ];
}

function actionLines(actions: readonly Action[]): readonly string[] {
  return actions.flatMap(({ text, command }, index) => [
    line(index === 0 ? 'do' : '', command === undefined ? text : `${text}:`),
    ...(command === undefined ? [] : [line('', `  ${command}`)]),
  ]);
}

/** Keeps the indentation of a command. */
function line(field: string, text: string): string {
  const indentation = /^ */.exec(text)?.[0] ?? '';
  return `    ${field.padEnd(WIDTH)} ${indentation}${oneLine(text)}`;
}
