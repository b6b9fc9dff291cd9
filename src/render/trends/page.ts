/** The report as one HTML file that needs nothing else. */
import type { PlotData } from '../../trends/plot-data.ts';
import type { SeriesDifference, SeriesTrend, TrendReport } from '../../trends/trend-report.ts';
import { formatBytes, formatChange, formatSeconds } from '../../units.ts';
import { escapeHtml, fillPage, scriptJson } from '../html.ts';
import { bytesOrNone, count, NONE, secondsOrNone } from '../text.ts';
import { formatInterval, formatRate, rateUnit } from './rate.ts';
import { seriesName } from './series-name.ts';

/** @param page - dist/trends.html: what draws it, with places for what is drawn. */
export function renderTrendPage({ processes, differences }: TrendReport, plots: PlotData[], page: string): string {
  const names = [...new Set(processes.map(({ name }) => name))].join(' and ');
  return fillPage(page, {
    title: escapeHtml(`${names}: memory over time`),
    facts: processes
      .map((one, place) => `<div><dt>${role(place, processes.length)}</dt><dd>${escapeHtml(factsOf(one))}</dd></div>`)
      .join(''),
    tables: processes.map((one, place) => seriesTable(one.series, role(place, processes.length))).join('\n'),
    differences: differences ? differenceTable(differences) : '',
    data: scriptJson(plots.map((plot) => ({ ...plot, name: seriesName(plot.column, true) }))),
  });
}

function role(place: number, of: number): string {
  if (of === 1) return 'Recording';
  return place === 0 ? 'Baseline' : 'Current';
}

function factsOf(one: TrendReport['processes'][number]): string {
  const node = one.nodeVersion === null ? '' : `, Node ${one.nodeVersion.replace(/^v/, '')}`;
  const when = one.startedAt.replace('T', ' ').replace(/\.\d+Z$|Z$/, ' UTC');
  const restarts = one.restarts === 0 ? '' : `, ${count(one.restarts, 'restart')}`;
  return [
    `${one.name}, pid ${one.pid}${node}, from ${when}: ${count(one.samples, 'sample')} in ${formatSeconds(one.durationSeconds)}${restarts}.`,
    ...one.warnings,
  ].join(' ');
}

function seriesTable(series: SeriesTrend[], heading: string): string {
  const rows = series.map((one) => {
    const unit = rateUnit(one.bytesPerMinute ?? 0);
    const cells = [
      seriesName(one.column, true),
      bytesOrNone(one.lastBytes),
      bytesOrNone(one.limitBytes),
      one.bytesPerMinute === null ? NONE : formatRate(one.bytesPerMinute),
      one.bytesPerMinuteInterval === null ? NONE : formatInterval(one.bytesPerMinuteInterval, unit),
      secondsOrNone(one.secondsToLimit),
      one.warmUpSeconds > 0 ? formatSeconds(one.warmUpSeconds) : NONE,
    ];
    return `<tr><td class="${one.verdict}">${verdictText(one.verdict)}</td>${cells.map(cell).join('')}<td>${escapeHtml(one.reason)}</td></tr>`;
  });
  return tableText(
    heading,
    ['Verdict', 'Series', 'Now', 'Limit', 'Trend', 'With 95 %', 'Full in', 'Warm-up', 'Why'],
    rows,
  );
}

function differenceTable(differences: SeriesDifference[]): string {
  const rows = differences.map((one) => {
    const cells = [
      seriesName(one.column, true),
      bytesOrNone(one.baselineBytes),
      bytesOrNone(one.currentBytes),
      one.changeBytes === null ? NONE : formatChange(Math.round(one.changeBytes)),
      one.changeInterval === null ? NONE : one.changeInterval.map((end) => formatBytes(Math.round(end))).join(' to '),
      one.bytesPerMinuteChange === null ? NONE : formatRate(one.bytesPerMinuteChange),
    ];
    const paint = one.isFaster || one.verdict === 'higher' ? 'growing' : one.verdict;
    const shown = one.isFaster && one.verdict !== 'higher' ? 'faster' : verdictText(one.verdict);
    return `<tr><td class="${paint}">${shown}</td>${cells.map(cell).join('')}<td>${escapeHtml(one.reason)}</td></tr>`;
  });
  return tableText(
    'Current against baseline, after warm-up',
    ['Difference', 'Series', 'Baseline', 'Current', 'Change', 'With 95 %', 'Trend', 'Why'],
    rows,
  );
}

function tableText(heading: string, heads: string[], rows: string[]): string {
  return `<h2>${escapeHtml(heading)}</h2><div class="scroll"><table><thead><tr>${heads.map((head) => `<th>${head}</th>`).join('')}</tr></thead><tbody>${rows.join('\n')}</tbody></table></div>`;
}

function cell(text: string): string {
  return `<td>${escapeHtml(text)}</td>`;
}

function verdictText(verdict: string): string {
  return verdict.replace('-', ' ');
}
