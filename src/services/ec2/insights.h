/* insights: what insights.c and analysis.c share. https://docs.aws.amazon.com/vpc/latest/reachability/ */
#pragma once

#include "services/ec2/ec2.h"

/* Fills in what a path leads through now, or what stops it. */
Error *insights_analyse(Call *call, const Ec2NetworkInsightsPath *path, Ec2NetworkInsightsAnalysis *analysis) ERROR_MUST_USE;
/* The components of a way that was found, and the reasons of one that was not, of one verdict. */
typedef struct InsightsWay { const Network *network; const Verdict *verdict; const Packet *packet; const char *destination; } InsightsWay;
void insights_components(Call *call, const InsightsWay *way, Ec2NetworkInsightsAnalysis *analysis);
void insights_explain(Call *call, const InsightsWay *way, Ec2NetworkInsightsAnalysis *analysis);
/* One explanation that names a component only. */
Ec2Explanation *insights_reason(Call *call, Ec2NetworkInsightsAnalysis *analysis, const char *code);
Ec2AnalysisComponent *insights_component(Call *call, const char *id);
