import { Argument, Command, Option } from 'commander';
import { CRL_REASONS } from '../../certificates/crl-reason.ts';
import type { CampaignStatus } from '../../contract/renewal-campaign.ts';
import { CertmanError } from '../../failures/failure.ts';
import { UsageError } from '../arguments.ts';
import type { CampaignChange } from '../campaign/change-campaign.ts';
import { ACTIONS, type CampaignCommand, DEFAULT_WAVE_SIZE, parseCampaignName } from '../campaign/plan.ts';
import { addCertificateSelectionOptions } from '../campaign/selection-options.ts';
import type { StartOptions } from '../campaign/start-campaign.ts';
import type { ConfirmOptions } from '../confirm.ts';
import { examples } from '../examples.ts';
import { addOutputOptions, addTimeoutOption, DEFAULT_TIMEOUT, type TimeoutOptions } from '../kubectl-options.ts';
import { formatOutput, note, type OutputOptions, print } from '../output.ts';
import { commandLine } from '../program-name.ts';
import type { TimeBound } from '../time-bound.ts';

const NAME_ARGUMENT = 'name of the campaign';

/** `certman campaign`: new certificates for many clusters, in waves. */
export function campaignCommand(): Command {
  return new Command('campaign')
    .summary('replace many certificates, in waves')
    .description(
      'Renews, or replaces and revokes, the certificates of a selection, in waves: the first is a canary, a threshold of failures stops it, and it can be paused, resumed and aborted. It runs in Temporal, whatever becomes of this command.',
    )
    .addCommand(start())
    .addCommand(status())
    .addCommand(list())
    .addCommand(report())
    .addCommand(change('pause', 'keep further waves back', 'No further wave begins; what has begun goes on.'))
    .addCommand(
      change('resume', 'go on after a pause or a stop', 'The next wave begins. The failures so far no longer stop it.'),
    )
    .addCommand(
      change(
        'abort',
        'end it, and withdraw what has not begun',
        'Ends the campaign: what has not begun is withdrawn, orders under way go on, and what is replaced stays.',
      ),
    );
}

function start(): Command {
  const command = new Command('start')
    .summary('select certificates, and begin')
    .description(
      'Selects certificates in use, those that expire first first, and begins. Each condition has to hold.\n' +
        'renew: a new certificate, with a new private key as every order makes one, which is why rekey is the same. replace: a new one, and then the revocation of the old one.',
    )
    .addArgument(new Argument('<action>', 'what is done with each certificate').choices(ACTIONS));
  addCertificateSelectionOptions(command);
  addOutputOptions(command);
  addTimeoutOption(command);
  return command
    .option('--name <name>', 'name of the campaign (default: the action and the time)')
    .addOption(
      new Option('--reason <reason>', 'replace: why the old ones are revoked').choices(Object.keys(CRL_REASONS)),
    )
    .option(
      '--revoke-after <duration>',
      'replace: from the replacement on, while Hive brings the new one to the cluster; longer, up to the deadline, where the cluster is seen to serve another one (default: 3h; for keyCompromise: 0s, which waits for nothing)',
    )
    .option('--canary <n>', 'certificates of the first wave; 0 for none (default: one in a hundred, at most 10)')
    .option('--wave <n>', `certificates of each other wave (default: ${DEFAULT_WAVE_SIZE})`)
    .option('--stop-at <failures>', 'a number, or a share of those that were asked for (default: 5%)')
    .option(
      '--deadline <instant>',
      'by when the last is to be replaced, an instant or from now on such as 20h (default: 24h for replace, else 7d)',
    )
    .option('--yes', 'do not ask before it begins')
    .option('--dry-run', 'show what would be done, and do nothing')
    .addHelpText(
      'after',
      examples(
        commandLine('campaign start renew -l team=payments -A --dry-run'),
        commandLine('campaign start replace --serials revoked.txt --reason keyCompromise --deadline 20h'),
      ),
    )
    .action(async (action: CampaignCommand, options: StartOptions & OutputOptions) => {
      const [{ startCampaign }, { plannedText }] = await Promise.all([
        import('../campaign/start-campaign.ts'),
        import('../campaign/campaign-text.ts'),
      ]);
      print(await formatOutput(options, await startCampaign(action, options), plannedText));
    });
}

function status(): Command {
  const command = new Command('status')
    .summary('show how far a campaign is')
    .description('Shows how far a campaign is, wave by wave, and when its last certificate is expected to be replaced.')
    .argument('<campaign>', NAME_ARGUMENT);
  addOutputOptions(command);
  addTimeoutOption(command, 'with --watch: for how long (default: until it has ended)');
  return command
    .option(
      '-w, --watch',
      'print again every two seconds until it has ended; exits with 1 unless all is replaced or skipped',
    )
    .addHelpText('after', examples(commandLine('campaign status leak --watch')))
    .action(async (name: string, options: OutputOptions & TimeoutOptions & { readonly watch?: true }) => {
      if (options.timeout !== undefined && options.watch !== true) throw new UsageError('--timeout is for --watch');
      const [{ isSuccess, readStatus, withCampaign }, { statusText }] = await Promise.all([
        import('../campaign/read-campaigns.ts'),
        import('../campaign/campaign-text.ts'),
      ]);
      const campaign = parseCampaignName(name);
      let last: CampaignStatus | undefined;
      const read = async () => {
        last = await withCampaign(campaign, readStatus);
        return last;
      };
      if (options.watch !== true) return print(await formatOutput(options, await read(), statusText));
      const [{ TimeBound }, { reportStream }, { watchUntilInterrupted }, { isPassing }] = await Promise.all([
        import('../time-bound.ts'),
        import('../watch/views.ts'),
        import('../watch/watch-until-interrupted.ts'),
        import('../temporal-client.ts'),
      ]);
      const isLast = ({ endedAt }: CampaignStatus) => endedAt !== undefined;
      const stream = () => reportStream(options, statusText);
      const bound = options.timeout === undefined ? undefined : TimeBound.of(options.timeout);
      await watchUntilInterrupted({ read, isPassing, isLast }, options, statusText, stream, bound);
      if (bound?.isOver === true && last?.endedAt === undefined) throw notEnded(name, bound);
      if (last?.endedAt !== undefined && !isSuccess(last)) process.exitCode = 1;
    });
}

function notEnded(name: string, { flag }: TimeBound): CertmanError {
  return new CertmanError({
    code: 'internal/unexpected',
    message: `The campaign ${name} has not ended: the time of --timeout (${flag}) is over. The campaign goes on.`,
    remedy: `See how far it is: ${commandLine(`campaign status ${name}`)}`,
  });
}

function list(): Command {
  const command = new Command('list')
    .summary('list the campaigns of the management cluster')
    .description(
      'Lists those that run, and those that have ended for as long as Temporal keeps them, the newest first.',
    );
  addOutputOptions(command);
  return command.action(async (options: OutputOptions) => {
    const [{ listCampaigns }, { campaignsText }] = await Promise.all([
      import('../campaign/read-campaigns.ts'),
      import('../campaign/campaign-text.ts'),
    ]);
    const campaigns = await listCampaigns();
    print(await formatOutput(options, { campaigns }, () => campaignsText(campaigns)));
  });
}

function report(): Command {
  const command = new Command('report')
    .summary('show every certificate of a campaign')
    .description(
      'Shows which certificates were replaced, by which and when, which fail and why, and which were skipped. While it runs, and afterwards for as long as Temporal keeps it: -o json to archive it.',
    )
    .argument('<campaign>', NAME_ARGUMENT);
  addOutputOptions(command);
  return command.action(async (name: string, options: OutputOptions) => {
    const [{ readReport, withCampaign }, { reportText }] = await Promise.all([
      import('../campaign/read-campaigns.ts'),
      import('../campaign/campaign-text.ts'),
    ]);
    print(await formatOutput(options, await withCampaign(parseCampaignName(name), readReport), reportText));
  });
}

function change(name: CampaignChange, summary: string, description: string): Command {
  const command = new Command(name).summary(summary).description(description).argument('<campaign>', NAME_ARGUMENT);
  addOutputOptions(command);
  if (name === 'abort') command.option('--yes', 'do not ask before it is aborted');
  addTimeoutOption(command);
  command.option('--dry-run', 'show how far it is, and do nothing');
  return command.action(async (text: string, options: OutputOptions & ConfirmOptions & TimeoutOptions) => {
    const campaign = parseCampaignName(text);
    const [{ confirmWithin }, { TimeBound }, { changeCampaign, previewText }, { statusText }] = await Promise.all([
      import('../confirm.ts'),
      import('../time-bound.ts'),
      import('../campaign/change-campaign.ts'),
      import('../campaign/campaign-text.ts'),
    ]);
    const bound = TimeBound.of(options.timeout ?? DEFAULT_TIMEOUT);
    if (options.dryRun === true) {
      const [{ readStatus, withCampaign }, { TimedRequest }] = await Promise.all([
        import('../campaign/read-campaigns.ts'),
        import('../timed-request.ts'),
      ]);
      const request = new TimedRequest(bound, commandLine(`campaign status ${campaign}`));
      const found = await request.run(() =>
        withCampaign(campaign, (of, client) => readStatus(of, client, bound), bound),
      );
      note(previewText(campaign, name, found));
      return print(await formatOutput(options, found, statusText));
    }
    if (name === 'abort') await confirmWithin(bound, `This would abort the campaign ${campaign}.`, options);
    print(await formatOutput(options, await changeCampaign(campaign, name, bound), statusText));
  });
}
