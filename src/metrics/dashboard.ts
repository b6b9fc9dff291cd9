/** A dashboard in the JSON model of Grafana 10 (schema 38), which later versions bring up to date when they load it. */
import { PANELS, type Panel } from './dashboard-panels.ts';

const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };
const GRAFANA_SCHEMA = 38;
const COLUMNS = 24;

/** With variables for the data source, the names of processes and the pools. */
export function grafanaDashboard(): object {
  return {
    uid: 'memtool',
    title: 'memtool',
    description: 'Memory of Node.js processes. Printed by `memtool dashboard`.',
    tags: ['memtool', 'nodejs', 'memory'],
    schemaVersion: GRAFANA_SCHEMA,
    version: 1,
    editable: true,
    graphTooltip: 1,
    refresh: '30s',
    time: { from: 'now-1h', to: 'now' },
    timepicker: {},
    annotations: { list: [] },
    links: [],
    templating: {
      list: [
        { name: 'datasource', label: 'Data source', type: 'datasource', query: 'prometheus', hide: 0, refresh: 1 },
        variable('name', 'Process', 'label_values(memtool_info, name)'),
        variable('pool', 'Pool', 'label_values(memtool_pool_used_bytes, pool)'),
      ],
    },
    panels: placed(PANELS),
  };
}

function variable(name: string, label: string, query: string): object {
  return {
    name,
    label,
    type: 'query',
    datasource: DATASOURCE,
    definition: query,
    query: { query, refId: `memtool-${name}` },
    refresh: 2,
    sort: 1,
    hide: 0,
    multi: true,
    includeAll: true,
    allValue: '.*',
    current: { selected: true, text: ['All'], value: ['$__all'] },
    options: [],
    regex: '',
  };
}

/** From left to right, and on to the next line where there is no room. */
function placed(panels: readonly Panel[]): object[] {
  let x = 0;
  let y = 0;
  let lineHeight = 0;
  return panels.map((panel, index) => {
    if (x + panel.width > COLUMNS) {
      x = 0;
      y += lineHeight;
      lineHeight = 0;
    }
    const gridPos = { x, y, w: panel.width, h: panel.height };
    x += panel.width;
    lineHeight = Math.max(lineHeight, panel.height);
    return draw(panel, index + 1, gridPos);
  });
}

function draw(panel: Panel, id: number, gridPos: object): object {
  const { title, description, kind, unit, queries } = panel;
  return {
    id,
    type: kind,
    title,
    description,
    gridPos,
    datasource: DATASOURCE,
    targets: queries.map(({ expr, legend }, index) => ({
      refId: String.fromCodePoint(65 + index),
      datasource: DATASOURCE,
      expr,
      legendFormat: legend,
      ...(kind === 'stat' ? { instant: true } : {}),
    })),
    fieldConfig: {
      defaults: { unit, min: 0, ...(panel.max === undefined ? {} : { max: panel.max }), ...looks(panel) },
      overrides: queries.some(({ isLimit }) => isLimit === true) ? [DASHED_LIMITS] : [],
    },
    options: kind === 'stat' ? STAT_OPTIONS : SERIES_OPTIONS,
  };
}

function looks({ kind, thresholds, stacked = false }: Panel): object {
  const steps = [
    { color: 'green', value: null },
    ...(thresholds
      ? [
          { color: 'yellow', value: thresholds[0] },
          { color: 'red', value: thresholds[1] },
        ]
      : []),
  ];
  const custom = {
    lineWidth: 1,
    fillOpacity: stacked ? 20 : 5,
    showPoints: 'never',
    stacking: { mode: stacked ? 'normal' : 'none', group: 'A' },
    ...(thresholds ? { thresholdsStyle: { mode: 'dashed' } } : {}),
  };
  return { thresholds: { mode: 'absolute', steps }, ...(kind === 'timeseries' ? { custom } : {}) };
}

const DASHED_LIMITS = {
  matcher: { id: 'byRegexp', options: '/limit$/' },
  properties: [
    { id: 'custom.lineStyle', value: { fill: 'dash', dash: [8, 8] } },
    { id: 'custom.fillOpacity', value: 0 },
  ],
};

const STAT_OPTIONS = {
  reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
  colorMode: 'value',
  graphMode: 'none',
  textMode: 'value',
};

const SERIES_OPTIONS = {
  legend: { displayMode: 'list', placement: 'bottom', showLegend: true },
  tooltip: { mode: 'multi', sort: 'desc' },
};
