import { Command } from 'commander';
import { CLUSTER_ARGUMENT } from '../arguments.ts';
import type { ConfirmOptions } from '../confirm.ts';
import { examples } from '../examples.ts';
import { addOutputOptions, addTargetOptions, type TargetOptions } from '../kubectl-options.ts';
import { formatOutput, type OutputOptions, print } from '../output.ts';
import { commandLine } from '../program-name.ts';

interface PauseOptions extends TargetOptions, ConfirmOptions, OutputOptions {}

const ANNOTATION_TEXT =
  "the annotation hive.openshift.io/reconcile-pause, which is Hive's pause too: on a ClusterDeployment, Hive reconciles nothing either";

/** `certman pause`: nothing is created, renewed or revoked until it is resumed. */
export function pauseCommand(): Command {
  return command(
    new Command('pause')
      .summary('pause clusters: nothing is created, renewed or revoked')
      .description(
        `Sets ${ANNOTATION_TEXT}. An order in progress is cancelled; certificates in use stay, and expire if they are not resumed in time. A deletion is not paused.`,
      ),
    true,
  );
}

/** `certman resume`: ends a pause. */
export function resumeCommand(): Command {
  return command(
    new Command('resume')
      .summary('resume paused clusters')
      .description(`Removes ${ANNOTATION_TEXT}. What is due is ordered at once.`),
    false,
  );
}

function command(described: Command, paused: boolean): Command {
  described.argument('[cluster]', CLUSTER_ARGUMENT);
  addTargetOptions(described);
  addOutputOptions(described);
  const name = described.name();
  return described
    .addHelpText(
      'after',
      examples(commandLine(`${name} demo -n uhc-production-1`), commandLine(`${name} -l team=payments -A --dry-run`)),
    )
    .action((text: string | undefined, options: PauseOptions) => run(text, options, paused));
}

async function run(text: string | undefined, options: PauseOptions, paused: boolean): Promise<void> {
  const [{ withKubernetes }, { setPaused, PAUSE_ANNOTATION }, targets, { confirm }] = await Promise.all([
    import('../kubernetes-client.ts'),
    import('../../kubernetes/objects/pause.ts'),
    import('../targets.ts'),
    import('../confirm.ts'),
  ]);
  const verb = paused ? 'pause' : 'resume';
  const unchanged = paused ? 'is paused already' : 'is not paused';
  const target = await targets.parseTarget(text, options);
  await withKubernetes(async (kubernetes) => {
    const found = await targets.readTargets(kubernetes, target);
    if (found.described !== undefined && options.dryRun !== true)
      await confirm(`This would ${verb} ${found.described}.`, options);
    const results = await targets.forEachTarget(found, async ({ resource, namespace, name, object }) => {
      if (options.dryRun === true) {
        const isPaused = object.metadata.annotations?.[PAUSE_ANNOTATION] === 'true';
        return isPaused === paused ? unchanged : `would be ${verb}d`;
      }
      const changed = await setPaused(kubernetes, resource, { namespace, name }, paused);
      if (changed === undefined) return 'is gone';
      return changed ? `${verb}d` : unchanged;
    });
    print(await formatOutput(options, { results }, () => targets.formatResults(results)));
    targets.throwIfFailed(results);
  }, options);
}
