import json
from ichor.segmentation.train import train_fold
from .conftest import BUDGET
import pandas as pd
def test_q(planned,tmp_path):
    work,_=planned
    for name,extra in {'base':{}, 'over1':{"oversample_foreground":1.0}, 'over1 lr.02':{"oversample_foreground":1.0,"initial_lr":.02},'lr.003':{"initial_lr":.003},'sgd':{"optimizer":"sgd","initial_lr":.02}}.items():
        out=[]
        for fold in (0,1):
            for seed in (1,2):
                train_fold(work/"plans.json",work,fold,budget=BUDGET|{"epochs":12,"iterations_per_epoch":8}|extra,seed=seed,device='cpu',checkpoint_every_epochs=100,out_dir=tmp_path/"x")
                p=pd.read_csv(tmp_path/"x/progress.tsv",sep='\t').iloc[-1]
                out.append((round(p.train_loss,2),round(p.patch_dice_iph,2),round(p.patch_dice_ivh,2)))
        print('RES',name,out)
    assert 0
